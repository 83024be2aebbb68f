package cli

import (
	"io"
	"regexp"
	"strings"
	"testing"
)

// TestMutationsOnTerminal looks at a journal: the cursor does not move, and what
// strangers put into it does nothing to the terminal.
func TestMutationsOnTerminal(t *testing.T) {
	t.Parallel()
	s := newWatchedServer(t)
	u := newUser(t, s.url, s.token)
	batch := `{"mutations":[{"entity":"observation","entity_key":"k\u001b[31m","op":"upsert","payload":{"title":"` +
		"a\u0085b\u202ec\u007fd é 世 \U000E0041" + `"}}]}`
	if err := mutate(s.handler, s.token, batch); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		master, slave := openTerminal(t)
		cmd := u.command("mutations", "pull", "-v")
		var errs strings.Builder
		cmd.Stdout, cmd.Stderr = slave, &errs
		shown := make(chan string)
		go func() {
			text, _ := io.ReadAll(master) // ends with EIO when nobody has the other side open
			shown <- string(text)
		}()
		err := cmd.Run()
		_ = slave.Close()
		screen := <-shown
		if err != nil {
			t.Fatalf("%v: %s", err, &errs)
		}
		if regexp.MustCompile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f\u0080-\u009f\u202e\U000E0041]").MatchString(screen) {
			t.Errorf("the terminal got %q", screen)
		}
		wantLine(t, screen, `"k\u001b[31m"`)
		wantLine(t, screen, `a\u0085b\u202ec\u007fd é 世 \udb40\udc41`)
		wantLine(t, errs.String(), "the saved cursor does not move")
	}
	out, _ := u.run(0, "mutations", "pull")
	wantRows(t, out, 1)
	wantLine(t, out, "a\u0085b\u202ec")
}

// TestMutationsBar counts rows on the terminal beside a file, and is gone at the end.
func TestMutationsBar(t *testing.T) {
	t.Parallel()
	_, u := journalServer(t, 3000)
	_, screen := u.onTerminal("mutations", "pull", "--output", "out.jsonl")
	wantLine(t, screen, "pulling mutations")
	end := screen[strings.LastIndex(strings.TrimSpace(screen), "\n")+1:]
	if shown := lastLine(strings.TrimSuffix(end, "\r\n")); !strings.HasPrefix(shown, "pulled 3,000 mutations;") {
		t.Errorf("at the end the screen shows %q", shown)
	}
	for _, flag := range []string{"--quiet", "--json"} {
		_, screen := u.onTerminal("mutations", "pull", "--cursor", "of"+flag[1:], "--output", "out"+flag+".jsonl", flag)
		if strings.Contains(screen, "pulling") {
			t.Errorf("with %s the terminal shows %q", flag, screen)
		}
	}
}

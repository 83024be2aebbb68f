package cli

import (
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/engram-sync/engram-sync/internal/markdown"
)

// screenOf runs a command line whose stdout is a terminal of so many columns, with variables more, and gives what is drawn.
func (u *user) screenOf(columns uint16, env []string, args ...string) string {
	u.t.Helper()
	master, slave := openTerminal(u.t)
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		u.t.Fatal(err)
	}
	cmd := u.command(args...)
	cmd.Env = append(slices.Clone(cmd.Env), env...)
	cmd.Stdout, cmd.Stderr = slave, io.Discard
	shown := make(chan string)
	go func() {
		text, _ := io.ReadAll(master) // ends with EIO when nobody has the other side open
		shown <- string(text)
	}()
	err := cmd.Run()
	_ = slave.Close()
	screen := strings.ReplaceAll(<-shown, "\r\n", "\n")
	if err != nil {
		u.t.Fatalf("%v\n%s", err, screen)
	}
	return screen
}

// On a terminal text has its width, colours where they are wanted, and goes through the user's pager.
func TestLookOnATerminal(t *testing.T) {
	t.Parallel()
	u := newUser(t, "", "")
	dir := filepath.Join(u.where, ".engram")
	id, err := storeChunk(dir, []byte(`{"sessions":[],"observations":[{"sync_id":"o","type":"note","title":"A \u001b[31mtitle \ufdd6mine","content":"**bold** `+
		strings.Repeat("word ", 60)+`"}],"prompts":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := storeManifest(dir, []string{id}); err != nil {
		t.Fatal(err)
	}
	for _, columns := range []uint16{40, 80, 200} {
		screen := u.screenOf(columns, []string{"PAGER=cat", "NO_COLOR=1", "TERM=xterm"}, "show", "--dir", dir)
		widest := 0
		for line := range strings.Lines(screen) {
			widest = max(widest, markdown.Width(strings.TrimRight(line, "\n")))
		}
		if most := int(min(columns, 100)); widest > most || widest < most-10 {
			t.Errorf("at %d columns the widest line has %d:\n%s", columns, widest, screen)
		}
		if strings.Contains(screen, "\x1b") || !strings.Contains(screen, `A \u001b[31mtitle`) || !strings.Contains(screen, "**bold**") {
			t.Errorf("without colours: %q", screen)
		}
	}
	u.run(0, "push", "--dir", dir, "--remote", "embedded:"+filepath.Join(u.where, "vault"), "--init")
	for _, columns := range []uint16{40, 80} {
		for _, args := range [][]string{{"manifest", "--local"}, {"status", "--remote", "embedded:" + filepath.Join(u.where, "vault")}} {
			screen := u.screenOf(columns, []string{"TERM=xterm"}, append(args, "--dir", dir)...)
			for line := range strings.Lines(screen) {
				if markdown.Width(strings.TrimRight(line, "\n")) > int(columns) && !strings.Contains(line, u.where) { // a path is one word
					t.Errorf("at %d columns %v has the line %q", columns, args, line)
				}
			}
		}
	}
	if screen := u.screenOf(80, nil, "manifest", "--local", "--dir", dir); !strings.Contains(screen, " ago ") {
		t.Errorf("times are not told as they are felt: %q", screen)
	}
	if screen := u.screenOf(80, nil, "manifest", "--local", "--dir", dir, "-v"); strings.Contains(screen, " ago ") {
		t.Errorf("-v gives no exact times: %q", screen)
	}
	for _, tt := range []struct {
		env    []string
		colour bool
	}{
		{[]string{"TERM=dumb", "NO_COLOR=1", "ENGRAM_SYNC_COLOR=always"}, true}, {[]string{"TERM=xterm", "ENGRAM_SYNC_COLOR=never"}, false},
		{[]string{"TERM=xterm"}, true}, {[]string{"TERM=dumb"}, false}, {[]string{"TERM=xterm", "CLICOLOR=0"}, false}, {[]string{"TERM=xterm", "NO_COLOR=yes"}, false},
	} {
		for _, args := range [][]string{{"show"}, {"log"}, {"search", "word"}} {
			screen := u.screenOf(80, append(tt.env, "PAGER="), append(args, "--dir", dir)...)
			if strings.Contains(screen, "\x1b[0m") != tt.colour || strings.Contains(screen, "\x1b[31m") || strings.Contains(screen, "\uFDD0") {
				t.Errorf("%v %v: %q", tt.env, args, screen)
			}
		}
	}

	paged := func(env []string, args ...string) bool {
		return strings.Contains(u.screenOf(80, append(env, "TERM=xterm"), append(args, "--dir", dir)...), "paged: chunk")
	}
	sed := "sed 's/.*chunk/paged: chunk/'"
	for _, tt := range []struct {
		env   []string
		args  []string
		paged bool
	}{
		{[]string{"PAGER=" + sed}, []string{"show"}, true},
		{[]string{"ENGRAM_SYNC_PAGER=" + sed, "PAGER=false"}, []string{"show"}, true},
		{[]string{"ENGRAM_SYNC_PAGER=cat", "PAGER=" + sed}, []string{"show"}, false},
		{[]string{"PAGER=" + sed}, []string{"show", "--no-pager"}, false},
		{[]string{"PAGER=" + sed}, []string{"show", "--json"}, false},
		{[]string{"PAGER=true"}, []string{"show"}, false},           // which leaves at once
		{[]string{"PAGER=/nowhere/pager"}, []string{"show"}, false}, // which cannot be started
	} {
		if got := paged(tt.env, tt.args...); got != tt.paged {
			t.Errorf("%v %v: paged %t, want %t", tt.env, tt.args, got, tt.paged)
		}
	}
	if screen := u.screenOf(80, []string{"PAGER=/nowhere/pager"}, "show", "--dir", dir); !strings.Contains(screen, "bold") {
		t.Errorf("without its pager: %q", screen)
	}
}

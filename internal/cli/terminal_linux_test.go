package cli

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/testkit/pty"
)

var frame = regexp.MustCompile(`pulling \d+/\d+`)

// TestBar pulls with stderr on a terminal: a bar is drawn there, not more often
// than ten times a second, and is gone at the end. Nobody else gets to see it.
func TestBar(t *testing.T) {
	t.Parallel()
	source := filepath.Join(t.TempDir(), ".engram")
	makeChunks(t, source, 60, 100_000)
	s := newWatchedServer(t)
	u := newUser(t, s.url, s.token)
	u.run(0, "push", "--dir", source, "--quiet")

	started := time.Now()
	out, screen := u.onTerminal("pull", "--dir", filepath.Join(t.TempDir(), "a"))
	frames := len(frame.FindAllString(screen, -1))
	if most := 2 + int(time.Since(started)/(100*time.Millisecond)); frames < 1 || frames > most {
		t.Errorf("%d frames, want 1 to %d", frames, most)
	}
	if left := lastLine(screen); left != "" {
		t.Errorf("at the end there is %q on the screen", left)
	}
	wantLine(t, out, "pulled 60 chunks")

	for _, flag := range []string{"--quiet", "--json"} {
		if _, screen := u.onTerminal("pull", flag, "--dir", filepath.Join(t.TempDir(), "b")); screen != "" {
			t.Errorf("with %s the terminal shows %q", flag, screen)
		}
	}
	if _, errs := u.run(0, "pull", "--dir", filepath.Join(t.TempDir(), "c")); errs != "" {
		t.Errorf("a pipe got %q", errs)
	}
	// a line of text takes the bar out of its way
	_, screen = u.onTerminal("pull", "-v", "--dir", filepath.Join(t.TempDir(), "d"))
	for _, line := range strings.Split(screen, "\n") {
		if shown := lastLine(line); strings.Contains(shown, "msg=request") && !strings.HasPrefix(shown, "time=") {
			t.Errorf("a line shares the screen with the bar: %q", shown)
		}
	}
}

// TestWatchOnTerminal: who starts a watch sees that it has begun, though nothing changes.
func TestWatchOnTerminal(t *testing.T) {
	t.Parallel()
	s := newWatchedServer(t)
	u := newUser(t, s.url, s.token)
	master, slave := openTerminal(t)
	cmd := u.command("sync", "--watch", "--dir", t.TempDir())
	cmd.Stdout, cmd.Stderr = slave, slave
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = slave.Close() // so that master ends with the command
	line, err := bufio.NewReader(master).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "watching; Ctrl-C ends it" {
		t.Errorf("the screen says %q (%v)", line, err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestNarrowBar: a line that wraps would leave each of its frames on the screen.
func TestNarrowBar(t *testing.T) {
	t.Parallel()
	const columns = 40
	master, slave := openTerminal(t)
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(*testing.T) {
		p := terminal.New(strings.NewReader(""), io.Discard, slave).Progress("chunk")
		p.Begin("pulling", 12_000)
		for range 5 {
			<-time.After(time.Minute)
			p.Moved(15_000_000)
			p.Done()
		}
		p.Stop()
	})
	_ = slave.Close()
	screen, _ := io.ReadAll(master) // ends with EIO
	if !frame.Match(screen) {
		t.Fatalf("no frame: %q", screen)
	}
	for drawn := range strings.SplitSeq(string(screen), "\r") {
		if n := utf8.RuneCountInString(drawn); n > columns {
			t.Errorf("%d columns in %d: %q", n, columns, drawn)
		}
	}
}

// onTerminal runs a command with its stderr on a terminal, and gives what went
// to stdout and to the terminal.
func (u *user) onTerminal(args ...string) (stdout, screen string) {
	u.t.Helper()
	master, slave := openTerminal(u.t)
	cmd := u.command(args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, slave
	shown := make(chan string)
	go func() {
		text, _ := io.ReadAll(master) // ends with EIO when nobody has the other side open
		shown <- string(text)
	}()
	err := cmd.Run()
	_ = slave.Close()
	screen = <-shown
	if err != nil {
		u.t.Fatalf("%v\n%s", err, screen)
	}
	return out.String(), screen
}

func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	return master, slave
}

// lastLine is what the last line of a screen shows after all was drawn.
func lastLine(screen string) string {
	var line []rune
	column := 0
	for _, r := range screen[strings.LastIndex(screen, "\n")+1:] {
		if r == '\r' {
			column = 0
			continue
		}
		if column < len(line) {
			line[column] = r
		} else {
			line = append(line, r)
		}
		column++
	}
	return strings.TrimSpace(string(line))
}

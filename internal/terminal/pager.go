package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// paged is what is known of a terminal that a pager has taken over.
type paged struct {
	width  int
	colour bool
}

// Pager is the command line of the pager that a user with this environment wants, "" for none: ENGRAM_SYNC_PAGER, else PAGER,
// else less if it is there. "cat" and an empty variable are none.
func Pager(environ []string) string {
	for _, name := range []string{"ENGRAM_SYNC_PAGER", "PAGER"} {
		if command, set := lookUp(environ, name); set {
			if command = strings.TrimSpace(command); command == "cat" {
				return ""
			}
			return command
		}
	}
	if _, err := exec.LookPath("less"); err != nil {
		return ""
	}
	return "less -FRX"
}

func lookUp(environ []string, name string) (value string, set bool) {
	for _, pair := range environ {
		if v, ok := strings.CutPrefix(pair, name+"="); ok {
			value, set = v, true // the last one counts
		}
	}
	return value, set
}

// Page lets a pager show what is written to stdout until end is called, which waits until the reader has seen enough. Where
// stdout is no terminal, in JSON mode and without a command it does nothing. A pager that cannot be started is told, and text goes
// to the terminal as it would without one. A reader that leaves early is no failure.
func (t *Terminal) Page(ctx context.Context, command string, environ []string) (end func()) {
	if command == "" || t.JSON || !t.Stdout.IsTerminal() {
		return func() {}
	}
	before := t.Stdout.stream
	pager := pagerCommand(context.WithoutCancel(ctx), command) // which ends when its user ends it
	pager.Env = slices.Clone(environ)
	for _, name := range []string{"LESS=FRX", "LV=-c"} { // as git does
		if _, set := lookUp(environ, name[:strings.IndexByte(name, '=')]); !set {
			pager.Env = append(pager.Env, name)
		}
	}
	pager.Stdout, _ = before.raw.(*os.File) // it is a terminal
	pager.Stderr, _ = t.stderr.raw.(*os.File)
	in, err := pager.StdinPipe()
	if err == nil {
		err = pager.Start()
	}
	if err != nil {
		t.Warn(fmt.Sprintf("cannot start the pager %s: %v", Visible(command), err))
		return func() {}
	}
	t.paged = &paged{t.Width(), t.Colour()}
	t.Stdout.stream = newStream(leaving{in})
	// Ctrl-C is for the pager: it would be left alone with the terminal otherwise.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	return func() {
		_ = t.Stdout.Err() // flushes, and is remembered
		_ = in.Close()     // it is a pipe
		_ = pager.Wait()   // how it ended is its user's business
		signal.Stop(interrupts)
		t.Stdout.stream, t.paged = before, nil
	}
}

// pagerCommand runs a command line as git does: through the shell if it needs one.
func pagerCommand(ctx context.Context, command string) *exec.Cmd {
	if words := strings.Fields(command); runtime.GOOS == "windows" || !strings.ContainsAny(command, "|&;<>()$`\\\"'*?[#~=%{}") {
		return exec.CommandContext(ctx, words[0], words[1:]...)
	}
	return exec.CommandContext(ctx, "sh", "-c", command)
}

// leaving is a pipe to a reader that may leave: what is written then is lost, as it should be.
type leaving struct{ w io.WriteCloser }

func (l leaving) Write(p []byte) (int, error) {
	if _, err := l.w.Write(p); err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, os.ErrClosed) && runtime.GOOS != "windows" {
		return 0, err
	}
	return len(p), nil
}

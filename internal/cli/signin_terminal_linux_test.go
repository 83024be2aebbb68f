package cli

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/pty"
)

// TestLoginAtATerminal is a login as a person does it: the name is asked for and
// shown, the password is asked for and is not.
func TestLoginAtATerminal(t *testing.T) {
	t.Parallel()
	const password = "n0b0dy sees me"
	s := newWatchedServer(t)
	u := withFileStore(newUser(t, s.url, ""))

	p := u.atTerminal("auth", "register", "--email", "ana@example.com")
	p.answer("User name: ", "ana")
	p.answer("Password: ", password)
	p.answer("Password again: ", password+" twice")
	p.ends(2)
	p.shows("the two passwords differ")
	p.hides(password)

	p = u.atTerminal("auth", "register", "--username", "ana", "--email", "ana@example.com")
	p.answer("Password: ", password)
	p.answer("Password again: ", password)
	p.ends(0)
	p.shows("logged in to " + s.url + " as ana")
	p.hides(password)

	p = u.atTerminal("login")
	p.answer("User name or email for "+s.url+": ", "ana")
	p.answer("Password: ", password)
	p.ends(0)
	p.shows("ana\r\n") // what was typed
	p.shows("logged in to " + s.url + " as ana")
	p.hides(password)
	if !p.echoes() {
		t.Error("the terminal is left without echo")
	}
	u.run(0, "auth", "status")

	p = u.atTerminal("login", "--identifier", "ana")
	p.answer("Password: ", "")
	p.ends(2)
	p.shows("nothing was entered")
}

// TestCtrlCAtThePassword leaves the prompt: the terminal shows again what is
// typed, and nothing was sent.
func TestCtrlCAtThePassword(t *testing.T) {
	t.Parallel()
	s := newWatchedServer(t)
	u := withFileStore(newUser(t, s.url, ""))
	p := u.atTerminal("login", "--identifier", "ana")
	p.until("Password: ")
	p.untilHidden()
	p.typed("half a passw\x03")
	p.ends(130)
	p.hides("half a passw")
	p.shows("interrupted")
	if !p.echoes() {
		t.Error("the terminal is left without echo")
	}
}

// person sits at a terminal where one command runs.
type person struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	slave  *os.File // kept open, so that the screen lasts
	screen bytes.Buffer
	read   int // so much of the screen was answered
}

// atTerminal starts a command whose three streams are a terminal, which is the
// controlling one: Ctrl-C is a signal there.
func (u *user) atTerminal(args ...string) *person {
	u.t.Helper()
	master, slave := openTerminal(u.t)
	u.t.Cleanup(func() { _ = slave.Close() })
	cmd := u.command(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	return &person{t: u.t, cmd: cmd, master: master, slave: slave}
}

// until reads until the text is on the screen, after what was answered already.
func (p *person) until(text string) {
	p.t.Helper()
	buf := make([]byte, 4096)
	for {
		if i := strings.Index(p.screen.String()[p.read:], text); i >= 0 {
			p.read += i + len(text)
			return
		}
		n, err := p.master.Read(buf)
		p.screen.Write(buf[:n])
		if err != nil {
			p.t.Fatalf("no %q on the screen: %v\n%s", text, err, p.screen.String())
		}
	}
}

// answer waits for a question, and for the echo to be off if it is for a secret.
func (p *person) answer(question, text string) {
	p.t.Helper()
	p.until(question)
	if strings.HasPrefix(question, "Password") {
		p.untilHidden()
	}
	p.typed(text + "\n")
}

func (p *person) typed(text string) {
	p.t.Helper()
	if _, err := p.master.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

// untilHidden waits until the terminal does not show what is typed: the question
// is there a moment before.
func (p *person) untilHidden() {
	p.t.Helper()
	if err := pty.UntilHidden(p.t.Context(), p.slave); err != nil {
		p.t.Fatal(err)
	}
}

func (p *person) echoes() bool {
	p.t.Helper()
	echoes, err := pty.Echoes(p.slave)
	if err != nil {
		p.t.Fatal(err)
	}
	return echoes
}

// ends waits for the end, and reads what is left on the screen.
func (p *person) ends(code int) {
	p.t.Helper()
	_ = p.cmd.Wait() // the code is looked at
	const end = "\x00the end\x00"
	if _, err := p.slave.WriteString(end); err != nil {
		p.t.Fatal(err)
	}
	p.until(end)
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.t.Fatalf("exit code %d, want %d\n%s", got, code, p.screen.String())
	}
}

func (p *person) shows(text string) {
	p.t.Helper()
	wantLine(p.t, p.screen.String(), text)
}

func (p *person) hides(text string) {
	p.t.Helper()
	if strings.Contains(p.screen.String(), text) {
		p.t.Errorf("%q is on the screen:\n%s", text, p.screen.String())
	}
}

package pages

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/pty"
)

// Shell is somebody who types what a page shows, one block after the other: where one leaves
// off (directory, exported variables) the next begins.
type Shell struct {
	// Root is the directory that stands for / in the page's own paths.
	Root string
	// Stands says what stands for something in the page: the address of a server, for instance.
	Stands map[string]string
	// Prelude is what the shell knows before each command.
	Prelude string

	dir     string
	env     []string
	servers []*exec.Cmd
}

// tooLong is more than any block takes, even on a busy machine.
const tooLong = 30 * time.Second

// ownPath finds the paths in pages that lie below Root.
var ownPath = regexp.MustCompile(`(?m)(^|[\s"'=:<>])(/(?:home|srv|backup|mnt|run/secrets)\b)`)

// NewShell makes one with this environment, in a directory.
func NewShell(root, dir string, env []string, stands map[string]string) *Shell {
	return &Shell{Root: root, Stands: stands, dir: dir, env: env}
}

// toHere makes what a page says mean something here, toPage is the way back.
func (s *Shell) toHere(text string) string {
	var pairs []string
	for there, here := range s.Stands {
		pairs = append(pairs, there, here)
	}
	return ownPath.ReplaceAllString(strings.NewReplacer(pairs...).Replace(text), "${1}"+s.Root+"${2}")
}

func (s *Shell) toPage(text string) string {
	pairs := []string{s.Root, ""}
	for there, here := range s.Stands {
		pairs = append(pairs, here, there)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// Result is what became of a block.
type Result string

// The results.
const (
	Ran     Result = "run"
	Parsed  Result = "parsed"
	Shown   Result = "shown"
	Skipped Result = "skipped"
)

// Play does with a block what its language asks for. The error says where the page and the truth differ.
func (s *Shell) Play(ctx context.Context, b Block) (Result, error) {
	if b.Note.Skip != "" {
		return Skipped, nil
	}
	if program := b.Note.Needs; program != "" {
		if _, err := exec.LookPath(program); err != nil {
			return Skipped, nil //nolint:nilerr // that is what the note is for
		}
	}
	if printed, code, err := s.run(ctx, b.Note.Before, nil); err != nil || code != 0 {
		return Ran, fmt.Errorf("%s: what comes before the block ends with exit code %d:\n%s%w", b.where(), code, indent(printed), orNothing(err))
	}
	switch {
	case b.Lang == "sh":
		return Ran, s.playScript(ctx, b)
	case b.Lang == "console":
		return Ran, s.playConsole(ctx, b)
	case parsers[b.Lang] != nil:
		return Parsed, parse(b)
	case onlyShown[b.Lang]:
		return Shown, nil
	}
	return Shown, fmt.Errorf("%s: nobody knows what to do with %q: commands are sh or console", b.where(), b.Lang)
}

func orNothing(err error) error {
	if err == nil {
		return errors.New("")
	}
	return err
}

func (s *Shell) playScript(ctx context.Context, b Block) error {
	if b.Note.Serve {
		return s.serve(ctx, b)
	}
	printed, code, err := s.run(ctx, b.Text, b.Note.Type)
	if want := max(0, b.Note.Exit); err == nil && code != want {
		err = fmt.Errorf("it ends with exit code %d, want %d:\n%s", code, want, indent(s.toPage(printed)))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", b.where(), err)
	}
	return nil
}

func (s *Shell) playConsole(ctx context.Context, b Block) error {
	all, err := steps(b)
	if err != nil {
		return err
	}
	for i, step := range all {
		printed, code, err := s.run(ctx, step.command, b.Note.Type)
		printed = s.toPage(printed)
		fails := strings.Contains("\n"+strings.Join(step.shown, "\n"), "\nerror: ")
		switch last := i == len(all)-1; {
		case err != nil:
		case last && b.Note.Exit >= 0 && code != b.Note.Exit:
			err = fmt.Errorf("it ends with exit code %d, want %d:\n%s", code, b.Note.Exit, indent(printed))
		case (!last || b.Note.Exit < 0) && fails != (code != 0):
			err = fmt.Errorf("it ends with exit code %d, and the page shows no such end:\n%s", code, indent(printed))
		case len(step.shown) > 0:
			err = match(step.shown, printed)
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %s: %w", b.Page, step.line, step.command, err)
		}
	}
	return nil
}

// command is a shell that runs a script: at its end it notes where it is, and what it has exported.
func (s *Shell) command(ctx context.Context, script string) *exec.Cmd {
	const keep = `trap '{ pwd; env -0; } >"$PAGE_STATE"' EXIT; set -e` + "\n"
	cmd := exec.CommandContext(ctx, "sh", "-c", s.toHere(s.Prelude)+keep+s.toHere(script))
	cmd.Dir = s.dir
	cmd.Env = append([]string{"PAGE_STATE=" + s.stateFile()}, s.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	return cmd
}

func (s *Shell) stateFile() string { return filepath.Join(s.Root, ".state") }

// run runs a script to its end, and gives what it prints.
func (s *Shell) run(ctx context.Context, script string, answers []string) (printed string, code int, err error) {
	if script == "" {
		return "", 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, tooLong)
	defer cancel()
	cmd := s.command(ctx, script)
	if answers != nil {
		printed, err = atTerminal(ctx, cmd, answers)
	} else {
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err = cmd.Run()
		printed = out.String()
	}
	if ctx.Err() != nil {
		return printed, -1, fmt.Errorf("it does not come to an end:\n%s", indent(printed))
	}
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		return printed, -1, err
	}
	return printed, cmd.ProcessState.ExitCode(), s.goOn()
}

// goOn takes over what the last script has left.
func (s *Shell) goOn() error {
	state, err := os.ReadFile(s.stateFile())
	if err != nil {
		return fmt.Errorf("the shell did not come to its end: %w", err)
	}
	dir, env, _ := strings.Cut(string(state), "\n")
	s.dir, s.env = dir, nil
	for _, variable := range strings.Split(strings.TrimSuffix(env, "\x00"), "\x00") {
		if !strings.HasPrefix(variable, "PAGE_STATE=") {
			s.env = append(s.env, variable)
		}
	}
	return nil
}

// atTerminal runs a command at a terminal, and answers its questions.
func atTerminal(ctx context.Context, cmd *exec.Cmd, answers []string) (screen string, err error) {
	master, slave, err := pty.Open()
	if err != nil {
		return "", err
	}
	defer func() { _ = master.Close() }()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		return "", errors.Join(err, slave.Close())
	}
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		_ = slave.Close() // so that the reading below ends
		ended <- err
	}()
	buf := make([]byte, 4096)
	answered := 0
	for {
		n, readErr := master.Read(buf)
		screen += string(buf[:n])
		if asked := screen[answered:]; len(answers) > 0 && strings.HasSuffix(asked, ": ") {
			answered = len(screen)
			if strings.Contains(asked[strings.LastIndex(asked, "\n")+1:], "assword") {
				if err := pty.UntilHidden(ctx, slave); err != nil {
					return screen, err
				}
			}
			if _, err := master.WriteString(answers[0] + "\n"); err != nil {
				return screen, err
			}
			answers = answers[1:]
		}
		if readErr != nil {
			return screen, <-ended
		}
	}
}

// address is where a server says that it listens.
var address = regexp.MustCompile(`https?://\S+\n`)

// serve starts a server that the page leaves running, and waits until it listens.
func (s *Shell) serve(ctx context.Context, b Block) error {
	ctx, cancel := context.WithCancel(ctx)
	cmd := s.command(ctx, b.Text)
	slow := time.AfterFunc(tooLong, cancel)
	defer slow.Stop()
	said, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.servers = append(s.servers, cmd)
	var out []byte
	buf := make([]byte, 4096)
	for !address.Match(out) {
		n, err := said.Read(buf)
		out = append(out, buf[:n]...)
		if err != nil {
			return fmt.Errorf("%s: it ends before it listens:\n%s", b.where(), indent(string(out)))
		}
	}
	go func() {
		for err == nil { // it must not be stopped by a pipe that nobody reads
			_, err = said.Read(buf)
		}
	}()
	return nil
}

// Close ends the servers that the page has started.
func (s *Shell) Close() {
	for _, cmd := range s.servers {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		_ = cmd.Wait() // how it ends says nothing of the page
	}
}

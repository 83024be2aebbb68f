package terminal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/secret"
)

// maxSecret bounds what is read as a password or token, in bytes.
const maxSecret = 64 << 10

// ReadSecret reads a password or token from stdin to its end. One newline at
// the end, which echo and editors leave there, does not count.
func (t *Terminal) ReadSecret(what string) (string, error) {
	input, err := io.ReadAll(io.LimitReader(t.Stdin, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("read the %s from stdin: %w", what, err)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(input), "\n"), "\r")
	switch {
	case text == "":
		return "", Usagef("stdin holds no %s", what)
	case len(text) > maxSecret || strings.ContainsAny(text, "\n\r\x00"):
		return "", Usagef("stdin holds more than one line, so it is no %s", what)
	}
	secret.Add(text)
	return text, nil
}

// Ask asks the user for a line of text. Where stdin is no terminal it is an
// error that names the flag to use instead.
func (t *Terminal) Ask(ctx context.Context, question, instead string) (string, error) {
	return t.prompt(ctx, question, instead, func(f *os.File) (string, error) {
		line, err := bufio.NewReader(f).ReadString('\n')
		return strings.TrimSpace(line), err
	})
}

// AskWhether asks a question that the user answers with yes or no. Where nobody can be
// asked, in JSON and quiet mode too, and without an answer, it is a no.
func (t *Terminal) AskWhether(ctx context.Context, question string) (bool, error) {
	if t.JSON || t.Quiet || !t.Interactive() {
		return false, nil
	}
	answer, err := t.Ask(ctx, question+" [y/N]", "nothing")
	if _, none := errors.AsType[*UsageError](err); none || errors.Is(err, io.EOF) {
		return false, nil
	}
	return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes"), err
}

// AskSecret is Ask without showing what is typed.
func (t *Terminal) AskSecret(ctx context.Context, question, instead string) (string, error) {
	return t.prompt(ctx, question, instead, func(f *os.File) (string, error) {
		defer t.Note("")
		text, err := term.ReadPassword(int(f.Fd()))
		secret.Add(string(text))
		return string(text), err
	})
}

// CanAsk says whether the user can be asked for what is missing. Where stdin is no terminal, and anything is, it is an error
// that names all that has to be given instead, at once.
func (t *Terminal) CanAsk(missing ...string) error {
	last := len(missing) - 1
	if last < 0 || t.Interactive() {
		return nil
	}
	all := missing[last]
	if last > 0 {
		all = strings.Join(missing[:last], ", ") + " and " + all
	}
	return Usagef("stdin is not a terminal, so nobody can be asked: pass %s", all)
}

func (t *Terminal) prompt(ctx context.Context, question, instead string, read func(*os.File) (string, error)) (string, error) {
	if err := t.CanAsk(instead); err != nil {
		return "", err
	}
	f, _ := t.Stdin.(*os.File) // as a terminal is
	state, err := term.GetState(int(f.Fd()))
	if err != nil {
		return "", fmt.Errorf("prepare the terminal: %w", err)
	}
	fmt.Fprintf(t.Stderr(), "%s: ", question)
	t.Flush()
	text, err := cancellable.Do(ctx, func() (string, error) { return read(f) })
	switch {
	case ctx.Err() != nil:
		// The read goes on until the process ends; the terminal must be left as it was.
		return "", errors.Join(context.Cause(ctx), term.Restore(int(f.Fd()), state))
	case err != nil:
		return "", fmt.Errorf("read the answer: %w", err)
	case text == "":
		return "", Usagef("nothing was entered")
	}
	return text, nil
}

// Password reads a password from stdin or from the terminal.
func (t *Terminal) Password(ctx context.Context, stdin bool) (string, error) {
	if stdin {
		return t.ReadSecret("password")
	}
	return t.AskSecret(ctx, "Password", "--password-stdin")
}

// NewPassword asks twice where nobody sees what is typed.
func (t *Terminal) NewPassword(ctx context.Context, stdin bool) (string, error) {
	password, err := t.Password(ctx, stdin)
	if err != nil || stdin {
		return password, err
	}
	again, err := t.AskSecret(ctx, "Password again", "--password-stdin")
	if err == nil && again != password {
		err = Usagef("the two passwords differ")
	}
	return password, err
}

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// maxSecret bounds what is read as a password or token, in bytes.
const maxSecret = 64 << 10

// readSecret reads a password or token from stdin to its end. One newline at
// the end, which echo and editors leave there, does not count.
func (a *app) readSecret(what string) (string, error) {
	text, err := io.ReadAll(io.LimitReader(a.stdin, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("read the %s from stdin: %w", what, err)
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	switch {
	case secret == "":
		return "", &usageError{err: fmt.Errorf("stdin holds no %s", what)}
	case len(secret) > maxSecret || strings.ContainsAny(secret, "\n\r\x00"):
		return "", &usageError{err: fmt.Errorf("stdin holds more than one line, so it is no %s", what)}
	}
	return secret, nil
}

// ask asks the user for a line of text. Where stdin is no terminal it is an
// error that names the flag to use instead.
func (a *app) ask(ctx context.Context, question, instead string) (string, error) {
	return a.prompt(ctx, question, instead, func(f *os.File) (string, error) {
		line, err := bufio.NewReader(f).ReadString('\n')
		return strings.TrimSpace(line), err
	})
}

// askSecret is ask without showing what is typed.
func (a *app) askSecret(ctx context.Context, question, instead string) (string, error) {
	return a.prompt(ctx, question, instead, func(f *os.File) (string, error) {
		defer a.note("")
		secret, err := term.ReadPassword(int(f.Fd()))
		return string(secret), err
	})
}

func (a *app) prompt(ctx context.Context, question, instead string, read func(*os.File) (string, error)) (string, error) {
	f, ok := a.stdin.(*os.File)
	if !ok || !terminal(f) {
		return "", &usageError{err: fmt.Errorf("stdin is not a terminal, so nobody can be asked: pass %s", instead)}
	}
	state, err := term.GetState(int(f.Fd()))
	if err != nil {
		return "", fmt.Errorf("prepare the terminal: %w", err)
	}
	fmt.Fprintf(lineWriter{a}, "%s: ", question)
	type answer struct {
		text string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		text, err := read(f)
		answered <- answer{text, err}
	}()
	select {
	case got := <-answered:
		if got.err != nil {
			return "", fmt.Errorf("read the answer: %w", got.err)
		}
		if got.text == "" {
			return "", &usageError{err: errors.New("nothing was entered")}
		}
		return got.text, nil
	case <-ctx.Done():
		// The read goes on until the process ends; the terminal must be left as it was.
		return "", errors.Join(context.Cause(ctx), term.Restore(int(f.Fd()), state))
	}
}

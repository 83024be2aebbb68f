package terminal

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"syscall"
	"unicode/utf16"
	"unicode/utf8"
)

// Output is stdout. It remembers the first error, so that the many places that
// print need not look at theirs: a result that nobody could read is a failure.
type Output struct {
	w   io.Writer
	err error
}

func (o *Output) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(p)
	if err != nil {
		o.err = fmt.Errorf("write the result: %w", err)
	}
	return n, err
}

func (o *Output) Err() error { return o.err }

// IsTerminal says whether a person reads it.
func (o *Output) IsTerminal() bool { return isTerminal(o.w) }

// DirectLines writes JSON Lines to stdout itself: what was written has left the
// process. It goes around Output, for which a reader that has seen enough is a
// failure.
type DirectLines struct {
	w        io.Writer
	terminal bool
}

// Lines is for a result that is read while it is made.
func (o *Output) Lines() DirectLines { return DirectLines{w: o.w, terminal: o.IsTerminal()} }

func (s DirectLines) Write(p []byte) (int, error) {
	text := p
	if s.terminal {
		text = escapeUnseen(p)
	}
	if _, err := s.w.Write(text); err != nil {
		return 0, &stdoutError{err}
	}
	return len(p), nil
}

// Flush has nothing to do.
func (s DirectLines) Flush() error { return nil }

// escapeUnseen writes what a terminal would obey, and what cannot be seen, as
// JSON escapes. In JSON such characters can only be inside of strings, save for
// line breaks and tabs.
func escapeUnseen(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == '\n' || r == '\t' || strconv.IsGraphic(r) {
			out = append(out, text[:size]...)
		} else {
			for _, unit := range utf16.AppendRune(nil, r) {
				out = append(out, `\u`...)
				const digits = "0123456789abcdef"
				out = append(out, digits[unit>>12], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15])
			}
		}
		text = text[size:]
	}
	return out
}

// stdoutError is a failure to write to stdout. A connection can break like a
// pipe does, so the two have to be told apart.
type stdoutError struct{ err error }

func (e *stdoutError) Error() string { return e.err.Error() }
func (e *stdoutError) Unwrap() error { return e.err }

// IsClosedPipe says that nobody reads stdout any more.
func IsClosedPipe(err error) bool {
	const brokenPipe, noData = syscall.Errno(109), syscall.Errno(232) // Windows has its own
	out, ok := errors.AsType[*stdoutError](err)
	return ok && (errors.Is(out, syscall.EPIPE) ||
		runtime.GOOS == "windows" && (errors.Is(out, brokenPipe) || errors.Is(out, noData)))
}

package mutations

import (
	"errors"
	"io"
	"runtime"
	"strconv"
	"syscall"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/state"
)

func (p *mutationsPull) toTerminal() bool { return p.output == "" && p.term.Stdout.IsTerminal() }

// lines is where the rows go. done ends that.
func (p *mutationsPull) lines(cursor *state.CursorFile) (lines journal.Lines, done func() error, err error) {
	if p.output == "" {
		return stdoutLines{w: p.term.Stdout.Direct(), terminal: p.toTerminal()}, func() error { return nil }, nil
	}
	file, err := cursor.OpenOutput(p.output)
	if err != nil {
		return nil, nil, explained(err)
	}
	if file.Begun {
		p.term.Note("%s is gone or empty: it begins anew, at the cursor", p.output)
	}
	return file, file.Close, nil
}

// stdoutLines writes to stdout itself: what was written has left the process. It
// goes around output, for which a reader that has seen enough is a failure.
type stdoutLines struct {
	w        io.Writer
	terminal bool
}

func (s stdoutLines) Write(p []byte) (int, error) {
	text := p
	if s.terminal {
		text = escapeUnseen(p)
	}
	if _, err := s.w.Write(text); err != nil {
		return 0, &stdoutError{err}
	}
	return len(p), nil
}

func (s stdoutLines) Flush() error { return nil }

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

// isClosedPipe says that nobody reads stdout any more.
func isClosedPipe(err error) bool {
	const brokenPipe, noData = syscall.Errno(109), syscall.Errno(232) // Windows has its own
	var out *stdoutError
	if !errors.As(err, &out) {
		return false
	}
	return errors.Is(out, syscall.EPIPE) ||
		runtime.GOOS == "windows" && (errors.Is(out, brokenPipe) || errors.Is(out, noData))
}

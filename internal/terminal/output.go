package terminal

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"syscall"
)

// Output is stdout. It remembers the first error, so that the many places that
// print need not look at theirs: a result that nobody could read is a failure.
type Output struct {
	stream *stream
	err    error
}

// Write prints one line of a result, or one document: a line break within it is
// shown, not obeyed, since it stands in somebody's name.
func (o *Output) Write(p []byte) (int, error) { return o.note(o.stream.line(p)) }

// Block is for text of several lines, and for lines that come in pieces.
func (o *Output) Block() io.Writer { return block{o} }

type block struct{ out *Output }

func (b block) Write(p []byte) (int, error) { return b.out.note(b.out.stream.words.Write(p)) }

// reveal is for the secret that was asked for: nothing is taken out.
type reveal struct{ out *Output }

func (r reveal) Write(p []byte) (int, error) {
	if r.out.Err() != nil {
		return 0, r.out.err
	}
	return r.out.note(r.out.stream.raw.Write(p))
}

func (o *Output) note(n int, err error) (int, error) {
	if err != nil && o.err == nil {
		o.err = fmt.Errorf("write the result: %w", err)
	}
	return n, o.err
}

// Err gives the first error, when all is written.
func (o *Output) Err() error {
	_, err := o.note(0, o.stream.text.Flush())
	return err
}

// IsTerminal says whether a person reads it.
func (o *Output) IsTerminal() bool { return isTerminal(o.stream.raw) }

// DirectLines writes JSON Lines to stdout itself: what was written has left the
// process. It goes around Output, for which a reader that has seen enough is a
// failure. To a program they go byte for byte, and to a person as all text does.
type DirectLines struct{ w io.Writer }

// Lines is for a result that is read while it is made.
func (o *Output) Lines() DirectLines {
	if o.IsTerminal() {
		return DirectLines{o.stream.words}
	}
	return DirectLines{o.stream.raw}
}

func (s DirectLines) Write(p []byte) (int, error) {
	if _, err := s.w.Write(p); err != nil {
		return 0, &stdoutError{err}
	}
	return len(p), nil
}

// Flush has nothing to do.
func (s DirectLines) Flush() error { return nil }

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

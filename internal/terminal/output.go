package terminal

import (
	"fmt"
	"io"
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

// Err is the first error.
func (o *Output) Err() error { return o.err }

// IsTerminal says whether a person reads it.
func (o *Output) IsTerminal() bool { return isTerminal(o.w) }

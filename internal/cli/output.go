package cli

import (
	"fmt"
	"io"
)

// output is stdout. It remembers the first error, so that the many places that
// print need not look at theirs: a result that nobody could read is a failure.
type output struct {
	w   io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.w.Write(p)
	if err != nil {
		o.err = fmt.Errorf("write the result: %w", err)
	}
	return n, err
}

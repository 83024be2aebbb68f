package httplayer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// bodyMode is how far the retries of a GET reach into its body.
type bodyMode int

const (
	bodyAsIs   bodyMode = iota
	bodyWhole           // read inside the attempt, so that a cut body is a failed attempt
	bodyResume          // a cut body is asked for again, and goes on where it was cut
)

// readWhole takes the body of an answer into memory, or gives it to whoever takes it as a stream. A page
// for people is not what that one waits for.
func (c *Call) readWhole(resp *http.Response) (err error) {
	if c.take != nil && !isPage(resp) {
		return c.stream(resp)
	}
	c.text, err = io.ReadAll(io.LimitReader(resp.Body, c.Limit+1))
	closeErr := resp.Body.Close()
	resp.Body = http.NoBody
	long := int64(len(c.text)) > c.Limit
	switch {
	case err != nil:
		return err
	case long && !c.Cut:
		return &localError{fmt.Errorf("%w: the answer is larger than %d bytes", ErrRefused, c.Limit)}
	case long:
		return nil
	case MayBeCut(resp) && IsCut(c.text):
		return io.ErrUnexpectedEOF
	}
	return closeErr
}

// stream gives the body of an answer to take. What take says of a good body is for the
// caller; the error is that of the body, whatever was made of a part of it.
func (c *Call) stream(resp *http.Response) error {
	body := &boundedBody{body: resp.Body, left: c.Limit}
	c.took = c.take(resp.Header, body)
	closeErr := resp.Body.Close()
	resp.Body = http.NoBody
	cut := errors.Is(c.took, io.ErrUnexpectedEOF)
	switch {
	case body.err != nil:
		return body.err
	case body.left < 0:
		return &localError{fmt.Errorf("%w: the answer is larger than %d bytes", ErrRefused, c.Limit)}
	case cut && MayBeCut(resp):
		return io.ErrUnexpectedEOF
	case cut && body.left < c.Limit:
		c.took = c.CutError()
	case c.took == nil:
		return closeErr
	}
	return nil
}

// boundedBody reads a body up to a limit, and remembers how reading it failed.
type boundedBody struct {
	body io.Reader
	left int64 // of the limit; negative where the body is longer
	err  error
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.body.Read(p[:min(int64(len(p)), b.left+1)])
	b.left -= int64(n)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// readRefusal takes what an answer that says no says into memory. If that is cut, who
// said it cannot be told: the connection was lost.
func readRefusal(resp *http.Response) error {
	text, err := ReadText(resp)
	_ = resp.Body.Close() // it is in memory, as far as it counts
	resp.Body = io.NopCloser(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("the answer was cut: %w", err)
	}
	return nil
}

// MayBeCut says whether the end of a body is that of its connection, so that net/http
// can't tell a whole one from one that was cut.
func MayBeCut(resp *http.Response) bool {
	return resp.ContentLength < 0 && len(resp.TransferEncoding) == 0 && resp.ProtoMajor == 1
}

// IsCut says whether a text is the beginning of a JSON text, or nothing at all.
func IsCut(text []byte) bool {
	scan := jsonscan.New(0)
	for at := 0; at < len(text); {
		n, _, err := scan.Next(text[at:])
		if err != nil {
			return false
		}
		at += n
	}
	return scan.Close() != nil
}

// CutError is NoAnswer for an answer that ends too early.
func (c *Call) CutError() error {
	return &NetworkError{Op: c.Op, Attempts: c.attempts, Err: errCut, Class: ErrUnavailable}
}

var errCut = fmt.Errorf("the answer was cut: %w", io.ErrUnexpectedEOF)

// resumingBody is the body of a chunk, which never changes: when the connection
// breaks, the chunk is asked for again and what was read already is passed over.
// Whether the two halves fit is for the hash to say.
type resumingBody struct {
	run  *run
	body io.ReadCloser
	read int64
	cut  int64 // where it was cut the last time
}

func (b *resumingBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.read += int64(n)
	if err == nil || err == io.EOF {
		return n, err
	}
	if n > 0 {
		return n, nil // the next Read meets the error again
	}
	last := b.resume(err)
	switch {
	case last == nil:
		return b.Read(p)
	case errors.Is(last, io.EOF): // a server that hung up: to a reader it would be a good end
		return 0, io.ErrUnexpectedEOF
	}
	return 0, last
}

// resume replaces the broken body by one that stands at the same place.
func (b *resumingBody) resume(cause error) error {
	r := b.run
	if r.tries > r.Retries || r.req.Context().Err() != nil || !isTransient(cause) {
		return cause
	}
	_ = b.body.Close() // it is broken already
	b.body = http.NoBody
	if b.read > b.cut { // a long download is not a long wait
		b.cut, r.left = b.read, r.Time
		r.pauses.Reset()
	}
	pause := r.pauses.NextBackOff()
	if r.left -= pause; r.left < 0 {
		return cause
	}
	if err := r.rest(r.req.Context(), pause, describe(nil, cause)); err != nil {
		return err
	}
	resp, err := r.next()
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		defer func() { _ = resp.Body.Close() }() // its content has been judged
		return r.call.Refused(resp)
	}
	b.body = resp.Body
	if _, err := io.CopyN(io.Discard, b.body, b.read); err != nil {
		if errors.Is(err, io.EOF) { // shorter than before
			return err
		}
		return b.resume(err)
	}
	return nil
}

func (b *resumingBody) Close() error { return b.body.Close() }

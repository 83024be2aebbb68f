package transport

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// resumingBody is the body of a chunk, which never changes: when the connection
// breaks, the chunk is asked for again and what was read already is passed over.
// Whether the two halves fit is for the hash to say.
type resumingBody struct {
	run  *run
	body io.ReadCloser
	read int64
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
	if err := b.resume(err); err != nil {
		return 0, err
	}
	return b.Read(p)
}

// resume replaces the broken body by one that stands at the same place.
func (b *resumingBody) resume(cause error) error {
	r := b.run
	if r.tries > r.retries || r.req.Context().Err() != nil || !isTransient(cause) {
		return cause
	}
	_ = b.body.Close() // it is broken already
	b.body = http.NoBody
	pause := r.pauses.NextBackOff()
	if err := sleep(r.req.Context(), pause); err != nil {
		return err
	}
	r.started = time.Now() // a long download is not a long wait
	resp, err := r.next()
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		discard(resp)
		return errors.Join(cause, errors.New("asking again gave "+describe(resp, nil)))
	}
	b.body = resp.Body
	if _, err := io.CopyN(io.Discard, b.body, b.read); err != nil {
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		return b.resume(err)
	}
	return nil
}

func (b *resumingBody) Close() error { return b.body.Close() }

package httplayer

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// wholeBody is a body that was read into memory, where it can't fail.
type wholeBody struct {
	*bytes.Reader
	text []byte
}

// Close implements io.Closer.
func (*wholeBody) Close() error { return nil }

// readWhole takes the body into memory.
func readWhole(resp *http.Response, limit int64, cut bool) error {
	body := resp.Body
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	closeErr := body.Close()
	long := int64(len(data)) > limit
	switch {
	case err != nil:
		return err
	case long && !cut:
		return &localError{fmt.Errorf("%w: the answer is larger than %d bytes", ErrRefused, limit)}
	case closeErr != nil && !long:
		return closeErr
	}
	resp.Body = &wholeBody{bytes.NewReader(data), data}
	return nil
}

// WholeText gives the body of an answer that was read whole, without another copy.
func WholeText(resp *http.Response) ([]byte, error) {
	if body, ok := resp.Body.(*wholeBody); ok {
		return body.text, nil
	}
	return io.ReadAll(resp.Body)
}

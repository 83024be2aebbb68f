package transport

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// readProjectChunk asks for a chunk, GET /sync/pull/{id}?project=P. What comes
// is the text of a database: the chunk is its canonical form, which hashes to the
// id. Source: project-server.md 3.7, 13 (A7).
func (t *RemoteTransport) readProjectChunk(ctx context.Context, op string, id engram.ChunkID, store StoreFunc) error {
	text, release, err := t.projectChunk(ctx, op, id)
	if err != nil {
		return err
	}
	defer release()
	chunk := engram.NewChunk(id, io.NopCloser(bytes.NewReader(text)), t.opts.MaxChunkBytes)
	chunk.SizeHint = int64(len(text))
	if err := store(chunk); err != nil {
		return err
	}
	if !chunk.Verified() {
		return fmt.Errorf("%s: it was not read to its end", op)
	}
	return nil
}

// projectChunk gives the canonical text of a chunk. release gives back its memory.
func (t *RemoteTransport) projectChunk(ctx context.Context, op string, id engram.ChunkID) (text []byte, release func(), err error) {
	resp, err := t.askProjectChunk(ctx, op, id)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // its content has been judged
	body, release, err := t.readProjectBody(ctx, resp)
	if err != nil {
		return nil, nil, projectBodyError(ctx, op, id, err)
	}
	if text, err = canon.Encode(body); err != nil {
		release()
		return nil, nil, &engram.DamageError{ID: id, Reason: "the server's copy", Err: err}
	}
	return text, release, nil
}

func (t *RemoteTransport) askProjectChunk(ctx context.Context, op string, id engram.ChunkID) (*http.Response, error) {
	project, err := t.project()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	ctx = withCall(ctx, &call{mode: bodyResume})
	req, err := t.newRequest(ctx, http.MethodGet, "/sync/pull/"+id.String())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	req.URL.RawQuery = url.Values{"project": {project}}.Encode()
	req.Header.Set("Accept", gzipEnvelope+"; version=1, application/json")
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, requestError(ctx, op, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, t.aboutProject(statusError(ctx, op, resp))
	}
	return resp, nil
}

// readProjectBody reads a body, compressed or not, up to the bound.
func (t *RemoteTransport) readProjectBody(ctx context.Context, resp *http.Response) (body []byte, release func(), err error) {
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), gzipEnvelope) {
		return t.readReserved(ctx, resp.Body, resp.ContentLength)
	}
	t.showsGzip()
	source := &failingReader{r: resp.Body}
	z, err := gzip.NewReader(source)
	if err == nil {
		body, release, err = t.readReserved(ctx, z, 0)
	}
	if err != nil && source.err == nil && ctx.Err() == nil && !errors.Is(err, errChunkTooLarge) {
		err = fmt.Errorf("%w: %w", errBadGzip, err)
	}
	return body, release, err
}

// failingReader remembers how its source failed, so that a broken connection is
// not taken for broken content.
type failingReader struct {
	r   io.Reader
	err error
}

func (f *failingReader) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

// errBadGzip is wrapped by what is wrong with a compressed body.
var errBadGzip = errors.New("its compressed form is broken")

func projectBodyError(ctx context.Context, op string, id engram.ChunkID, err error) error {
	switch {
	case errors.Is(err, errChunkTooLarge):
		return fmt.Errorf("%s: %w", op, err)
	case errors.Is(err, errBadGzip):
		return &engram.DamageError{ID: id, Reason: "the server's copy", Err: err}
	}
	return requestError(ctx, op, err)
}

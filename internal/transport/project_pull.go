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

// Chunks of a project server have to be held whole to be checked: it hashes
// another text than it sends. These bound one, and all of them together.
const (
	maxProjectChunk = 64 << 20
	maxWholeBytes   = 2 * maxProjectChunk
	unknownWeight   = 16 << 20 // of a body that does not tell its length
)

// gzipEnvelope is the type of compressed envelopes, which newer project servers
// take and give. Source: project-server.md 12.
const gzipEnvelope = "application/vnd.engram.sync+gzip"

// readProjectChunk asks for a chunk, GET /sync/pull/{id}?project=P. What comes
// is the text of a database: the chunk is its canonical form, which hashes to the
// id. Source: project-server.md 3.7, 13 (A7).
func (t *RemoteTransport) readProjectChunk(ctx context.Context, op string, id engram.ChunkID, store StoreFunc) error {
	body, release, err := t.projectChunk(ctx, op, id)
	if err != nil {
		return err
	}
	defer release()
	text, err := canon.Encode(body)
	if err != nil {
		return &engram.DamageError{ID: id, Reason: "the server's copy", Err: err}
	}
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

// projectChunk reads the body of a chunk into memory. release gives that back.
func (t *RemoteTransport) projectChunk(ctx context.Context, op string, id engram.ChunkID) (body []byte, release func(), err error) {
	project, err := t.project()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", op, err)
	}
	ctx = withCall(ctx, &call{mode: bodyResume})
	req, err := t.newRequest(ctx, http.MethodGet, "/sync/pull/"+id.String())
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", op, err)
	}
	req.URL.RawQuery = url.Values{"project": {project}}.Encode()
	req.Header.Set("Accept", gzipEnvelope+"; version=1, application/json")
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, nil, requestError(ctx, op, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, nil, statusError(ctx, op, resp)
	}
	defer func() { _ = resp.Body.Close() }() // its content has been judged
	weight := int64(unknownWeight)
	if resp.ContentLength >= 0 {
		weight = min(3*resp.ContentLength, maxWholeBytes) // as it came, parsed, and encoded
	}
	if err := t.whole.Acquire(ctx, weight); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", op, context.Cause(ctx))
	}
	if body, err = t.readProjectBody(resp); err != nil {
		t.whole.Release(weight)
		return nil, nil, projectBodyError(ctx, op, id, err)
	}
	return body, func() { t.whole.Release(weight) }, nil
}

var errChunkTooLarge = fmt.Errorf("%w: the chunk is larger than %d MiB", ErrRefused, maxProjectChunk>>20)

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

// readProjectBody reads a body, compressed or not, up to the bound.
func (t *RemoteTransport) readProjectBody(resp *http.Response) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxProjectChunk+1))
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), gzipEnvelope) {
		t.setGzipPush(true)
		if raw, err = gunzip(raw); err != nil {
			return nil, err
		}
	}
	if len(raw) > maxProjectChunk {
		return nil, errChunkTooLarge
	}
	return raw, nil
}

func gunzip(raw []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBadGzip, err)
	}
	text, err := io.ReadAll(io.LimitReader(z, maxProjectChunk+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBadGzip, err)
	}
	return text, nil
}

func (t *RemoteTransport) setGzipPush(known bool) {
	t.kindMu.Lock()
	defer t.kindMu.Unlock()
	t.gzipPush = known
}

func (t *RemoteTransport) takesGzip() bool {
	t.kindMu.Lock()
	defer t.kindMu.Unlock()
	return t.gzipPush
}

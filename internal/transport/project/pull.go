package project

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// ReadChunk asks for a chunk, GET /sync/pull/{id}?project=P, and hands its content to
// store once it has the whole of it. What comes is the text of a database: the chunk
// is its canonical form, which hashes to the id. It never comes with an entry.
// Source: project-server.md 3.7, 13 (A7).
func (d *Dialect) ReadChunk(ctx context.Context, id engram.ChunkID, store protocol.StoreFunc) (*engram.ChunkEntry, error) {
	op := "pull chunk " + id.String()
	text, release, err := d.readText(ctx, op, id)
	if err != nil {
		return nil, err
	}
	defer release()
	chunk := engram.NewChunk(id, io.NopCloser(bytes.NewReader(text)), d.MaxChunkBytes)
	chunk.SizeHint = int64(len(text))
	if err := store(chunk); err != nil {
		return nil, err
	}
	if !chunk.Verified() {
		return nil, fmt.Errorf("%s: it was not read to its end", op)
	}
	return nil, nil
}

// readText gives the canonical text of a chunk. release gives back its memory.
func (d *Dialect) readText(ctx context.Context, op string, id engram.ChunkID) (text []byte, release func(), err error) {
	project, err := d.project()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", op, err)
	}
	call := &httplayer.Call{Op: op}
	resp, err := d.Client.Get(ctx, call, "/sync/pull/"+id.String()+"?"+url.Values{"project": {project}}.Encode(),
		gzipEnvelope+"; version=1, application/json")
	if err != nil {
		return nil, nil, d.explain(err)
	}
	defer func() { _ = resp.Body.Close() }() // its content has been judged
	body, release, err := d.readBody(ctx, resp)
	if err != nil {
		return nil, nil, bodyError(ctx, call, id, err)
	}
	fits := func(text []byte) bool { return engram.IDOf(sha256.Sum256(text)) == id }
	if text, err = canon.Pulled(body, project, fits); err != nil {
		release()
		if httplayer.MayBeCut(resp) && httplayer.IsCut(body) {
			return nil, nil, call.CutError()
		}
		return nil, nil, &engram.DamageError{ID: id, Reason: "the server's copy", Err: err}
	}
	return text, release, nil
}

// readBody reads a body, compressed or not, up to the bound.
func (d *Dialect) readBody(ctx context.Context, resp *http.Response) (body []byte, release func(), err error) {
	kind, params, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != gzipEnvelope {
		return d.readReserved(ctx, resp.Body, resp.ContentLength)
	}
	if d.Gzip() == GzipUnknown && params["version"] == "1" {
		d.LearnGzip(GzipShown)
	}
	source := &failingReader{r: resp.Body}
	z, err := gzip.NewReader(source)
	if err == nil {
		body, release, err = d.readReserved(ctx, z, 0)
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

func bodyError(ctx context.Context, call *httplayer.Call, id engram.ChunkID, err error) error {
	switch {
	case errors.Is(err, errChunkTooLarge):
		return fmt.Errorf("%s: %w", call.Op, err)
	case errors.Is(err, errBadGzip):
		return &engram.DamageError{ID: id, Reason: "the server's copy", Err: err}
	}
	return call.NoAnswer(ctx, err)
}

// ReadManifest asks for the manifest of the project. An account server ignores the
// project and answers with all that the account has: its members come in another
// order, so as long as the server has not shown its kind, an odd order is an
// ErrOtherKind. Source: project-server.md 3.6 and 13.
func (d *Dialect) ReadManifest(ctx context.Context, op string) (*engram.Manifest, error) {
	project, err := d.project()
	if err != nil {
		return nil, err
	}
	m, err := protocol.ReadManifest(ctx, d.Client, op, "?"+url.Values{"project": {project}}.Encode(), nil)
	switch {
	case err != nil:
		return nil, d.explain(err)
	case !d.Sure() && m.ListFirst(): // as those of account servers begin
		return nil, protocol.ErrOtherKind
	}
	return m, nil
}

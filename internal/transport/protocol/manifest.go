package protocol

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

// maxManifestBytes bounds a manifest: room for half a million entries.
const maxManifestBytes = 64 << 20

// Lists keeps the last manifest that a server gave, which may save it from giving it again.
type Lists interface {
	// Last gives the text of what was kept last, about its size in bytes, and the server's tag for it, "" where there is
	// none. Where it is no more what was kept, Read fails before its end.
	Last() (tag string, text io.ReadCloser, size int64)
	// Keep keeps what write writes, unless that fails, whose error it gives back.
	Keep(tag string, write func(io.Writer) error) error
}

// minKept is the least that is kept: less is sent as fast as it is read.
const minKept = 32 << 10

// ReadManifest asks for the manifest: GET /sync/pull. It is complete every time
// (account-server.md 3.3), and entries that can't be taken stand in its Rejected.
// query is "" or the whole of one. It is read as it comes, and its text is not held; lists keeps
// it, unless that is nil, where the server has an ETag, and that is asked for then.
func ReadManifest(ctx context.Context, client *httplayer.Client, op, query string, lists Lists) (*engram.Manifest, error) {
	r := reading{client: client, op: op, path: "/sync/pull" + query, lists: lists}
	if lists != nil {
		tag, text, size := lists.Last()
		if tag != "" {
			defer func() { _ = text.Close() }() // only read
			unchanged, err := r.ask(ctx, tag)
			if err != nil || !unchanged {
				return r.m, err
			}
			if m, err := engram.ReadServerManifest(text, size); err == nil {
				return m, nil
			}
		}
	}
	_, err := r.ask(ctx, "")
	return r.m, err
}

// reading is one reading of a manifest.
type reading struct {
	client   *httplayer.Client
	op, path string
	lists    Lists
	m        *engram.Manifest
}

// ask asks for the manifest, unless it is still that of the tag. Then it is unchanged.
func (r *reading) ask(ctx context.Context, tag string) (unchanged bool, err error) {
	var bad error
	call := &httplayer.Call{Op: r.op, Limit: maxManifestBytes, Tag: tag}
	changed, err := r.client.GetStream(ctx, call, r.path, func(h http.Header, body io.Reader) error {
		bad = r.keep(h, body)
		return bad
	})
	var wrong *engram.ManifestError // else the body broke off: an error of the way here
	if errors.As(bad, &wrong) && errors.Is(err, bad) {
		err = fmt.Errorf("%s: %w: %s answers with something that is not a manifest (%s)",
			r.op, httplayer.ErrNotEngram, r.client.URL(), httplayer.Printable(err.Error()))
	}
	if err != nil {
		r.m = nil
		return false, err
	}
	return !changed, nil
}

// keep reads a manifest, and keeps it where that helps.
func (r *reading) keep(h http.Header, body io.Reader) (err error) {
	size, unknown := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	size = min(max(0, size), maxManifestBytes)
	tag := h.Get("ETag")
	if r.lists == nil || tag == "" || unknown == nil && size < minKept {
		r.m, err = engram.ReadServerManifest(body, size)
		return err
	}
	return r.lists.Keep(tag, func(w io.Writer) error {
		r.m, err = engram.ReadServerManifest(io.TeeReader(body, w), size)
		return err
	})
}

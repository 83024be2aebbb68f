package protocol

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

// maxManifestBytes bounds a manifest: room for half a million entries.
const maxManifestBytes = 64 << 20

// ReadManifest asks for the manifest: GET /sync/pull. It is complete every time
// (account-server.md 3.3), and entries that can't be taken stand in its Rejected.
func ReadManifest(ctx context.Context, client *httplayer.Client, op string, query url.Values) (*engram.Manifest, error) {
	call := &httplayer.Call{Op: op, Mode: httplayer.BodyWhole, Limit: maxManifestBytes}
	path := "/sync/pull"
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	resp, err := client.Get(ctx, call, path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it is in memory
	text, err := httplayer.WholeText(resp)
	if err != nil {
		return nil, call.NoAnswer(ctx, err)
	}
	m, err := engram.ParseServerManifest(text)
	switch {
	case errors.Is(err, engram.ErrManifestVersion):
		return nil, fmt.Errorf("%s: %w", op, err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w: %s answers with something that is not a manifest (%s)",
			op, httplayer.ErrNotEngram, client.URL(), httplayer.Printable(err.Error()))
	}
	return m, nil
}

package protocol

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

// maxManifestBytes bounds a manifest: room for half a million entries.
const maxManifestBytes = 64 << 20

// ReadManifest asks for the manifest: GET /sync/pull. It is complete every time
// (account-server.md 3.3), and entries that can't be taken stand in its Rejected.
// query is "" or the whole of one. It is read as it comes, and its text is not kept.
func ReadManifest(ctx context.Context, client *httplayer.Client, op, query string) (*engram.Manifest, error) {
	var m *engram.Manifest
	var bad error
	call := &httplayer.Call{Op: op, Limit: maxManifestBytes}
	_, err := client.GetStream(ctx, call, "/sync/pull"+query, func(_ http.Header, body io.Reader) error {
		m, bad = engram.ReadServerManifest(body)
		return bad
	})
	var wrong *engram.ManifestError // else the body broke off: an error of the way here
	if errors.As(bad, &wrong) && errors.Is(err, bad) {
		return nil, fmt.Errorf("%s: %w: %s answers with something that is not a manifest (%s)",
			op, httplayer.ErrNotEngram, client.URL(), httplayer.Printable(err.Error()))
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

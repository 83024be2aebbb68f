package project

import (
	"bytes"
	"context"
	"net/url"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// ReadManifest asks for the manifest of the project. An account server ignores the
// project and answers with all that the account has: its members come in another
// order, so as long as the server has not shown its kind, an odd order is an
// ErrOtherKind. Source: project-server.md 3.6 and 13.
func (d *Dialect) ReadManifest(ctx context.Context, op string) (*engram.Manifest, error) {
	project, err := d.project()
	if err != nil {
		return nil, err
	}
	m, err := protocol.ReadManifest(ctx, d.Client, op, "?"+url.Values{"project": {project}}.Encode())
	switch {
	case err != nil:
		return nil, d.explain(err)
	case !d.Sure() && chunksFirst(m.Bytes()):
		return nil, protocol.ErrOtherKind
	}
	return m, nil
}

// chunksFirst says whether a manifest begins with its list, as those of account
// servers do.
func chunksFirst(text []byte) bool {
	inner, found := bytes.CutPrefix(bytes.TrimSpace(text), []byte("{"))
	return found && bytes.HasPrefix(bytes.TrimSpace(inner), []byte(`"chunks"`))
}

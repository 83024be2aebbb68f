package transport

import (
	"context"
	"errors"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// ReadManifest asks for the manifest of the account, GET /sync/pull, or of the
// project. It is complete every time (account-server.md 3.3), and entries that
// can't be taken stand in its Rejected. An account server's times are those of
// its own clock. It is also the probe for what kind of server this is:
// ErrNoProject and ErrNotEngram tell what is missing.
func (t *RemoteTransport) ReadManifest(ctx context.Context) (*engram.Manifest, error) {
	d, sure := t.known()
	if d == nil || !sure && t.opts.Project == "" {
		d = t.account // where no project is known, the kind had better be
	}
	m, err := t.readManifestOf(ctx, d)
	if d != t.account && errors.Is(err, protocol.ErrOtherKind) {
		t.forget()
		d = t.account
		m, err = t.readManifestOf(ctx, d)
	}
	if errors.Is(err, protocol.ErrOtherKind) {
		if err := t.learn(t.project); err != nil {
			return nil, fmt.Errorf("%s: %w", opManifest, err)
		}
		return t.readManifestOf(ctx, t.project)
	}
	return m, err
}

const opManifest = "read the remote manifest"

// readManifestOf asks in one dialect, and learns from the answer.
func (t *RemoteTransport) readManifestOf(ctx context.Context, d dialect) (*engram.Manifest, error) {
	m, err := d.ReadManifest(ctx, opManifest)
	if err != nil {
		return nil, t.recognise(ctx, err)
	}
	if err := t.learn(d); err != nil {
		return nil, fmt.Errorf("%s: %w", opManifest, err)
	}
	return m, nil
}

// WriteManifest does nothing: a server keeps its manifest itself, from the
// chunks that it is given.
func (t *RemoteTransport) WriteManifest(context.Context, *engram.Manifest) error { return nil }

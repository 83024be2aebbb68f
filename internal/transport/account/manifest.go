package account

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// codeProjectRequired is how a project server refuses a request without a project.
const codeProjectRequired = "upgrade_blocked_project_required"

// ReadManifest asks for the manifest of the account. Its times are those of the
// server's clock. A project server, which wants a project, is an ErrOtherKind.
// Source: project-server.md 5.
func (d *Dialect) ReadManifest(ctx context.Context, op string) (*engram.Manifest, error) {
	m, err := protocol.ReadManifest(ctx, d.Client, op, "")
	return m, otherKind(err, codeProjectRequired)
}

// otherKind makes an ErrOtherKind of a 400 with a code that only the other kind has.
func otherKind(err error, code string) error {
	if status, ok := errors.AsType[*httplayer.StatusError](err); ok && status.Status == http.StatusBadRequest && status.Code == code {
		return fmt.Errorf("%w (%w)", protocol.ErrOtherKind, err)
	}
	return err
}

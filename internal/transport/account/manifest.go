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
	m, err := protocol.ReadManifest(ctx, d.Client, op, nil)
	if refusedWith(err, codeProjectRequired) {
		err = fmt.Errorf("%w (%w)", protocol.ErrOtherKind, err)
	}
	return m, err
}

// Refuses says whether an account server refuses a token in this way: in JSON.
func (*Dialect) Refuses(status *httplayer.StatusError) bool { return status.Final }

// refusedWith says whether an answer is the 400 with a code.
func refusedWith(err error, code string) bool {
	var status *httplayer.StatusError
	return errors.As(err, &status) && status.Status == http.StatusBadRequest && status.Code == code
}

package transport

import (
	"errors"
	"fmt"
	"net/http"
)

// Codes with which project servers refuse. Source: project-server.md 1.
const (
	// CodeForbidden: the server does not know the project, or the token has no
	// grant for it (project-server.md 12).
	CodeForbidden = "policy_forbidden"
	// CodePaused: an operator has paused the project.
	CodePaused = "sync-paused"
	// CodeChunkConflict: the id is taken by other content.
	CodeChunkConflict = "upgrade_repairable_chunk_conflict"

	codeProjectRequired = "upgrade_blocked_project_required"
	codeEmptyBatch      = "empty_batch"
)

// noRoute is how a server says that it has no such path. A chunk that is missing
// is 404 too, in other words. Source: project-server.md 1 and 3.7.
const noRoute = "404 page not found"

// aboutProject completes the refusal of a project server, which does not name
// the project, and tells a wrong URL from a missing chunk.
func (t *RemoteTransport) aboutProject(err error) error {
	var status *StatusError
	switch {
	case !errors.As(err, &status):
	case status.Code == CodeForbidden:
		status.Message += fmt.Sprintf(" (project %q)", t.opts.Project)
	case status.Status == http.StatusNotFound && status.Message == noRoute:
		status.class = ErrNotEngram
	}
	return err
}

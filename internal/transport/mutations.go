package transport

import (
	"fmt"
	"net/http"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// The nouns of the mutation journal, under the names that callers of a
// transport know.
type (
	MutationEntry         = engram.MutationEntry
	PushMutationsResult   = engram.PushMutationsResult
	PullMutationResult    = engram.PullMutationResult
	PullMutationsResponse = engram.PullMutationsResponse
)

// noJournal explains an answer of a router that knows no such path. Source:
// account-server.md 1.1; old servers have chunks only.
func (t *RemoteTransport) noJournal(status *StatusError) error {
	missing := status.Status == http.StatusNotFound || status.Status == http.StatusMethodNotAllowed
	if !missing || status.Final {
		return status
	}
	return fmt.Errorf("%w (%s has no mutation journal: it is too old for one, or the URL is wrong)", status, t.base)
}

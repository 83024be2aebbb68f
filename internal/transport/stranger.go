package transport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

// maxProbe bounds the answer of a stranger.
const maxProbe = 64 << 10

// whatElse says what stands at the base URL, if it can be told.
func (t *RemoteTransport) whatElse(ctx context.Context, status *StatusError) string {
	if t.isLocalDaemon(ctx) {
		return "is engram's local daemon, not a cloud server"
	}
	text := fmt.Sprintf("answers /sync/pull with %d %s", status.Status, status.Message)
	if t.answersRefresh(ctx) {
		text += ", although it has the sign-in of an account server"
	}
	return text
}

// isLocalDaemon recognises engram's daemon by its health. Source: project-server.md 5.
func (t *RemoteTransport) isLocalDaemon(ctx context.Context) bool {
	resp, err := t.probe(ctx, "/health")
	if err != nil {
		return false
	}
	var health struct {
		Service string `json:"service"`
	}
	body, err := httplayer.Text(resp)
	return err == nil && json.Unmarshal(body, &health) == nil && health.Service == "engram"
}

// answersRefresh says whether the server has a route that only account servers
// have: it tells the two kinds apart where everything else is 404.
func (t *RemoteTransport) answersRefresh(ctx context.Context) bool {
	resp, err := t.probe(ctx, "/auth/refresh")
	if err == nil {
		_ = resp.Body.Close() // only the status counts
		return false
	}
	var status *StatusError
	return errors.As(err, &status) && status.Status == http.StatusMethodNotAllowed
}

// probe asks a stranger for something small, without a token.
func (t *RemoteTransport) probe(ctx context.Context, path string) (*http.Response, error) {
	return t.client.Get(ctx, &httplayer.Call{Op: "ask who is there", Mode: httplayer.BodyWhole, Limit: maxProbe, Anonymous: true}, path)
}

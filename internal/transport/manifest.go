package transport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// maxManifestBytes bounds a manifest: room for half a million entries.
const maxManifestBytes = 64 << 20

// ReadManifest asks for the account's manifest: GET /sync/pull. It is complete
// every time (account-server.md 3.3), its times are those of the server's
// clock, and entries that can't be taken stand in its Rejected. It is also the probe for
// what kind of server this is: ErrProjectServer and ErrNotEngram tell the others.
func (t *RemoteTransport) ReadManifest(ctx context.Context) (*engram.Manifest, error) {
	const op = "read the remote manifest"
	ctx = withCall(ctx, &call{mode: bodyWhole, limit: maxManifestBytes})
	req, err := t.newRequest(ctx, http.MethodGet, "/sync/pull")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, requestError(ctx, op, err)
	}
	defer func() { _ = resp.Body.Close() }() // it is in memory
	if resp.StatusCode != http.StatusOK {
		return nil, t.recognise(ctx, statusError(ctx, op, resp))
	}
	text, err := wholeText(resp)
	if err != nil {
		return nil, requestError(ctx, op, err)
	}
	m, err := engram.ParseServerManifest(text)
	if err != nil {
		if errors.Is(err, engram.ErrManifestVersion) {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
		return nil, fmt.Errorf("%s: %w: %s answers with something that is not a manifest (%s)", op, ErrNotEngram, t.base, printable(err.Error()))
	}
	return m, nil
}

// recognise turns an answer that says no into the reason why, where it tells
// of another kind of server. Source: project-server.md 5.
func (t *RemoteTransport) recognise(ctx context.Context, err error) error {
	var status *StatusError
	if !errors.As(err, &status) {
		return err
	}
	switch {
	case errors.Is(status.class, ErrProjectServer):
		return fmt.Errorf("%s is a project server: %w", t.base, ErrProjectServer)
	case status.Status == http.StatusUnauthorized && !status.Final && strings.HasPrefix(status.Message, "unauthorized:"):
		return fmt.Errorf("%s is a project server: %w (%s)", t.base, ErrProjectServer, status.Message)
	case status.Status == http.StatusNotFound || status.Status == http.StatusMethodNotAllowed:
		return fmt.Errorf("%w: %s %s", ErrNotEngram, t.base, t.whatElse(ctx, status))
	}
	return err
}

// whatElse says what stands at the base URL, if it can be told.
func (t *RemoteTransport) whatElse(ctx context.Context, status *StatusError) string {
	unknown := fmt.Sprintf("answers /sync/pull with %d %s", status.Status, status.Message)
	req, err := t.newRequest(withCall(ctx, &call{mode: bodyWhole, limit: maxErrorBody}), http.MethodGet, "/health")
	if err != nil {
		return unknown
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return unknown
	}
	defer func() { _ = resp.Body.Close() }() // it is in memory
	var health struct {
		Service string `json:"service"`
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err == nil && json.Unmarshal(body, &health) == nil && health.Service == "engram" {
		return "is engram's local daemon, not a cloud server"
	}
	return unknown
}

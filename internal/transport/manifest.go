package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// maxManifestBytes bounds a manifest: room for half a million entries.
const maxManifestBytes = 64 << 20

// ReadManifest asks for the manifest of the account, GET /sync/pull, or of the
// project. It is complete every time (account-server.md 3.3), and entries that
// can't be taken stand in its Rejected. An account server's times are those of
// its own clock. It is also the probe for what kind of server this is:
// ErrNoProject and ErrNotEngram tell what is missing.
func (t *RemoteTransport) ReadManifest(ctx context.Context) (*engram.Manifest, error) {
	const op = "read the remote manifest"
	// Where no project is known, the kind had better be.
	if t.Kind() == KindProject && (t.seen() || t.opts.Project != "") {
		m, err := t.readProjectManifest(ctx, op)
		if !errors.Is(err, errOtherKind) {
			return m, err
		}
		t.forget()
	}
	m, err := t.readManifest(ctx, op, "")
	switch {
	case err == nil:
		if err := t.learn(KindAccount); err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
	case errors.Is(err, errWantsProject):
		if err := t.learn(KindProject); err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
		return t.readProjectManifest(ctx, op)
	}
	return m, err
}

// errOtherKind means that a reply has the shape of the other kind of server.
var errOtherKind = errors.New("the reply is that of another kind of server")

// readProjectManifest reads the manifest of the project. An account server
// ignores the project and answers with all that the account has: its members come
// in another order, so where the server itself has not shown its kind yet, an
// odd order is reason to ask once more. Source: project-server.md 3.6 and 13.
func (t *RemoteTransport) readProjectManifest(ctx context.Context, op string) (*engram.Manifest, error) {
	project, err := t.project()
	if err != nil {
		return nil, err
	}
	m, err := t.readManifest(ctx, op, project)
	if err != nil {
		return nil, t.aboutProject(err)
	}
	if !t.seen() && chunksFirst(m.Bytes()) {
		return nil, errOtherKind
	}
	return m, t.learn(KindProject)
}

// chunksFirst says whether a manifest begins with its list, as those of account
// servers do.
func chunksFirst(text []byte) bool {
	inner, found := bytes.CutPrefix(bytes.TrimSpace(text), []byte("{"))
	return found && bytes.HasPrefix(bytes.TrimSpace(inner), []byte(`"chunks"`))
}

func (t *RemoteTransport) readManifest(ctx context.Context, op, project string) (*engram.Manifest, error) {
	ctx = withCall(ctx, &call{mode: bodyWhole, limit: maxManifestBytes})
	req, err := t.newRequest(ctx, http.MethodGet, "/sync/pull")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if project != "" {
		req.URL.RawQuery = url.Values{"project": {project}}.Encode()
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
	case status.Status == http.StatusBadRequest && status.Code == codeProjectRequired:
		return fmt.Errorf("%w (%w)", errWantsProject, err)
	case status.Status == http.StatusUnauthorized && t.Kind() == KindUnknown:
		_ = t.learn(kindOf401(status)) // nothing is forced, or it would be known
	case status.Status == http.StatusUnauthorized && kindOf401(status) != t.Kind():
		t.forget()
	case status.Status == http.StatusNotFound || status.Status == http.StatusMethodNotAllowed:
		return fmt.Errorf("%w: %s %s", ErrNotEngram, t.base, t.whatElse(ctx, status))
	}
	return err
}

// kindOf401 is the kind of server that refuses a token in this way: account
// servers in JSON, project servers in plain text.
func kindOf401(status *StatusError) Kind {
	switch {
	case status.Final:
		return KindAccount
	case strings.HasPrefix(status.Message, "unauthorized:"):
		return KindProject
	}
	return KindUnknown
}

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
	defer func() { _ = resp.Body.Close() }() // it is in memory
	var health struct {
		Service string `json:"service"`
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	return err == nil && json.Unmarshal(body, &health) == nil && health.Service == "engram"
}

// answersRefresh says whether the server has a route that only account servers
// have: it tells the two kinds apart where everything else is 404.
func (t *RemoteTransport) answersRefresh(ctx context.Context) bool {
	resp, err := t.probe(ctx, "/auth/refresh")
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // only the status counts
	return resp.StatusCode == http.StatusMethodNotAllowed
}

// probe asks a stranger for something small, without a token.
func (t *RemoteTransport) probe(ctx context.Context, path string) (*http.Response, error) {
	req, err := t.newRequest(withCall(ctx, &call{mode: bodyWhole, limit: maxErrorBody, anonymous: true}), http.MethodGet, path)
	if err != nil {
		return nil, err
	}
	return t.client.Do(req)
}

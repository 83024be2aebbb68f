package transport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Kind is one of the two kinds of Engram Cloud server. Source: design.md 2.
type Kind string

// The kinds. An unknown one is found out with the first request.
const (
	KindUnknown Kind = ""
	KindAccount Kind = "account"
	KindProject Kind = "project"
)

// Kind is what is known of the server so far.
func (t *RemoteTransport) Kind() Kind {
	t.kindMu.Lock()
	defer t.kindMu.Unlock()
	return t.kind
}

// learn remembers what kind of server this is, and tells who wants to know.
func (t *RemoteTransport) learn(kind Kind) {
	t.kindMu.Lock()
	changed := t.kind != kind
	t.kind, t.kindSeen = kind, kind != KindUnknown
	t.kindMu.Unlock()
	if changed {
		t.opts.OnKind(kind)
	}
}

// forget takes back what a cache said of the server: a reply had the shape of
// the other kind. A kind that the user insists on stays.
func (t *RemoteTransport) forget() {
	if !t.opts.Forced {
		t.learn(KindUnknown)
	}
}

// seen says whether the server itself has shown its kind to this process.
func (t *RemoteTransport) seen() bool {
	t.kindMu.Lock()
	defer t.kindMu.Unlock()
	return t.kindSeen
}

// FindKind asks the server what kind it is, unless that is known: by GET
// /sync/pull without a project, which changes nothing and which only the two kinds
// answer as they do. Never by a mutation push: account servers say yes to a project
// server's body, and store nothing. Source: project-server.md 5.
func (t *RemoteTransport) FindKind(ctx context.Context) (Kind, error) {
	if kind := t.Kind(); kind != KindUnknown {
		return kind, nil
	}
	_, err := t.readManifest(ctx, "find out what kind of server this is", "")
	if err == nil {
		t.learn(KindAccount)
		return KindAccount, nil
	}
	if errors.Is(err, errWantsProject) {
		t.learn(KindProject)
		return KindProject, nil
	}
	return KindUnknown, err
}

// errWantsProject is wrapped by the answer of a project server to a request
// that names no project.
var errWantsProject = errors.New("the server wants a project")

// project is the project that requests to a project server are about.
func (t *RemoteTransport) project() (string, error) {
	switch {
	case t.opts.Project != "":
		return t.opts.Project, nil
	case t.opts.NoProject != nil:
		return "", fmt.Errorf("%w (%s): %w", ErrNoProject, t.base, t.opts.NoProject)
	}
	return "", fmt.Errorf("%w: %s", ErrNoProject, t.base)
}

// answersRefresh says whether the server has a route that only account servers
// have: it tells the two apart where everything else is 404.
func (t *RemoteTransport) answersRefresh(ctx context.Context) bool {
	req, err := t.newRequest(withCall(ctx, &call{mode: bodyWhole, limit: maxErrorBody, anonymous: true}), http.MethodGet, "/auth/refresh")
	if err != nil {
		return false
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // only the status counts
	return resp.StatusCode == http.StatusMethodNotAllowed
}

package transport

import (
	"context"
	"errors"
	"fmt"
)

// Kind is one of the two kinds of Engram Cloud server. Source: project-server.md 11.
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

// learn remembers what kind of server this is, and tells who wants to know. A
// kind that the user insists on stays, and another is an ErrOtherKind.
func (t *RemoteTransport) learn(kind Kind) error {
	if t.opts.Forced && kind != t.opts.Kind {
		return fmt.Errorf("%w: %s speaks the %s protocol, and the protocol is set to %s", ErrOtherKind, t.base, kind, t.opts.Kind)
	}
	t.kindMu.Lock()
	changed := t.kind != kind
	t.kind, t.kindSeen = kind, kind != KindUnknown
	t.kindMu.Unlock()
	if changed {
		t.opts.OnKind(kind)
	}
	return nil
}

// forget takes back what a cache said of the server: a reply had the shape of
// the other kind. A kind that the user insists on stays.
func (t *RemoteTransport) forget() {
	if !t.opts.Forced {
		_ = t.learn(KindUnknown) // that is always allowed where nothing is forced
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
	err := t.learnKind(ctx, "find out what kind of server this is")
	return t.Kind(), err
}

// CheckToken asks whether the server takes the token, which needs no project: GET
// /sync/pull without one. A project server that misses it has let the token pass.
// Source: project-server.md 10 (T14).
func (t *RemoteTransport) CheckToken(ctx context.Context) error {
	return t.learnKind(ctx, "check the token")
}

func (t *RemoteTransport) learnKind(ctx context.Context, op string) error {
	_, err := t.readManifest(ctx, op, "")
	switch {
	case err == nil:
		return t.learn(KindAccount)
	case errors.Is(err, errWantsProject):
		return t.learn(KindProject)
	}
	return err
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

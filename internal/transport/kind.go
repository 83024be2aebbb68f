package transport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// Kind is one of the two kinds of Engram Cloud server. Source: project-server.md 11.
type Kind string

// The kinds. An unknown one is found out with the first request.
const (
	KindUnknown Kind = ""
	KindAccount Kind = "account"
	KindProject Kind = "project"
)

// dialect is what differs between the kinds of server. Each of its calls is one
// attempt: whether to make another one, in the same dialect or in the other, is for
// RemoteTransport to say. A call that meets a server of the other kind, and by that
// has done nothing, is a protocol.ErrOtherKind.
type dialect interface {
	// Name is that of the kind.
	Name() string
	// PerProject says whether all is kept by project, chunks in a form of the
	// server's own.
	PerProject() bool
	ReadManifest(ctx context.Context, op string) (*engram.Manifest, error)
	ReadChunk(ctx context.Context, id engram.ChunkID, store StoreFunc) (*engram.ChunkEntry, error)
	Push(ctx context.Context, call *httplayer.Call, entry engram.ChunkEntry, open OpenFunc) (httplayer.Outcome, error)
	// PushMutations is never httplayer.Uncertain, but may be an
	// engram.UncertainError.
	PushMutations(
		ctx context.Context, call *httplayer.Call, entries []MutationEntry, key string,
	) (PushMutationsResult, httplayer.Outcome, error)
}

// dialectOf is the one place that asks for a kind; nil is that of an unknown one.
func (t *RemoteTransport) dialectOf(kind Kind) dialect {
	switch kind {
	case KindAccount:
		return t.account
	case KindProject:
		return t.project
	}
	return nil
}

// known is the dialect of the server, nil if that is unknown. sure says that the
// server itself has shown it to this process.
func (t *RemoteTransport) known() (d dialect, sure bool) {
	t.factsMu.Lock()
	defer t.factsMu.Unlock()
	return t.dialectOf(t.facts.Kind), t.sure
}

// dialect is how to talk to the server. Where nobody has asked yet, that is as to an
// account server: a project server refuses what is meant for one, and stores nothing.
func (t *RemoteTransport) dialect() dialect {
	if d, _ := t.known(); d != nil {
		return d
	}
	return t.account
}

// Kind is what is known of the server so far.
func (t *RemoteTransport) Kind() Kind { return t.Facts().Kind }

func kindOf(d dialect) Kind {
	if d == nil {
		return KindUnknown
	}
	return Kind(d.Name())
}

// KindKnown says whether FindKind would have to ask nobody.
func (t *RemoteTransport) KindKnown() bool { return t.Kind() != KindUnknown }

// PerProject says whether the server keeps all by project, chunks in a form of its
// own that a projection makes; false as long as its kind is unknown.
func (t *RemoteTransport) PerProject() bool {
	d, _ := t.known()
	return d != nil && d.PerProject()
}

// FindKind asks the server what kind it is, unless that is known: by GET
// /sync/pull without a project, which changes nothing and which only the two kinds
// answer as they do. Never by a mutation push: account servers say yes to a project
// server's body, and store nothing. Source: project-server.md 5.
func (t *RemoteTransport) FindKind(ctx context.Context) error {
	if t.KindKnown() {
		return nil
	}
	return t.askKind(ctx, "find out what kind of server this is")
}

// CheckToken asks whether the server takes the token, which needs no project: GET
// /sync/pull without one. A project server that misses it has let the token pass.
// Source: project-server.md 10 (T14).
func (t *RemoteTransport) CheckToken(ctx context.Context) error {
	return t.askKind(ctx, "check the token")
}

func (t *RemoteTransport) askKind(ctx context.Context, op string) error {
	_, err := t.account.ReadManifest(ctx, op)
	switch {
	case err == nil:
		return t.learn(t.account)
	case errors.Is(err, protocol.ErrOtherKind):
		return t.learn(t.project)
	}
	return t.recognise(ctx, err)
}

// recognise turns an answer that says no into the reason why, where it tells
// of another kind of server. Source: project-server.md 5.
func (t *RemoteTransport) recognise(ctx context.Context, err error) error {
	status, ok := errors.AsType[*StatusError](err)
	if !ok {
		return err
	}
	switch status.Status {
	case http.StatusUnauthorized:
		t.recognise401(status)
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return fmt.Errorf("%w: %s %s", ErrNotEngram, t.URL(), t.whatElse(ctx, status))
	}
	return err
}

// unauthorizedWords are how project servers refuse a token, in plain text.
const unauthorizedWords = "unauthorized:"

// recognise401 learns from how a token is refused: account servers do it in JSON,
// project servers in plain text.
func (t *RemoteTransport) recognise401(status *StatusError) {
	var refuser dialect
	switch {
	case status.Final:
		refuser = t.account
	case strings.HasPrefix(status.Message, unauthorizedWords):
		refuser = t.project
	}
	switch d, _ := t.known(); {
	case d == nil:
		_ = t.learn(refuser) // nothing is forced, or it would be known
	case d != refuser:
		t.forget()
	}
}

// whatElse says what stands at the base URL, if it can be told: engram's daemon
// by its health, an account server by a route that project servers don't have, and
// whose answer tells them apart where everything else is 404. Source: project-server.md 5.
func (t *RemoteTransport) whatElse(ctx context.Context, status *StatusError) string {
	var health struct {
		Service string `json:"service"`
	}
	if text, err := t.probe(ctx, "/health"); err == nil && json.Unmarshal(text, &health) == nil && health.Service == "engram" {
		return "is engram's local daemon, not a cloud server"
	}
	text := fmt.Sprintf("answers /sync/pull with %d %s", status.Status, status.Message)
	_, err := t.probe(ctx, "/auth/refresh")
	if refresh, ok := errors.AsType[*StatusError](err); ok && refresh.Status == http.StatusMethodNotAllowed {
		text += ", although it has the sign-in of an account server"
	}
	return text
}

// probe asks a stranger for something small, without a token.
func (t *RemoteTransport) probe(ctx context.Context, path string) ([]byte, error) {
	text, _, err := t.client.GetText(ctx, &httplayer.Call{Op: "ask who is there", Limit: 64 << 10, Anonymous: true}, path)
	return text, err
}

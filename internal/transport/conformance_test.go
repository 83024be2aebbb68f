package transport_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/engram-sync/engram-sync/internal/rowsum"
	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// bothKinds are the two kinds of server with a transport that has not been told
// which it is, and one whose token is bad.
func bothKinds(t *testing.T) map[transport.Kind][2]*transport.RemoteTransport {
	t.Helper()
	account, access := wiretest.AccountServer(t)
	_, project := wiretest.ProjectServer(t, projectserver.Options{})
	never := transport.Options{Retries: -1}
	return map[transport.Kind][2]*transport.RemoteTransport{
		transport.KindAccount: {wiretest.DialAs(t, account.URL, access, never), wiretest.DialAs(t, account.URL, wiretest.Token("bad-token"), never)},
		transport.KindProject: {wiretest.DialAs(t, project.URL, wiretest.Token("secret-token"), never), wiretest.DialAs(t, project.URL, wiretest.Token("bad-token"), never)},
	}
}

// canonicalChunk is a chunk that both kinds keep under one id: it is in the
// canonical form of the project.
const canonicalChunk = `{"observations":[{"content":"C \u003cb\u003e é","project":"repo","scope":"project","session_id":"s1",` +
	`"sync_id":"o1","title":"T","type":"note"}],"prompts":[],"sessions":[{"directory":"/w","id":"s1","project":"repo"}]}`

// TestConformance holds the same promises against both kinds of server.
func TestConformance(t *testing.T) {
	for kind, remotes := range bothKinds(t) {
		remote, stranger := remotes[0], remotes[1]
		t.Run(string(kind)+"/a chunk comes back as it went", func(t *testing.T) { conformChunk(t, remote, kind) })
		t.Run(string(kind)+"/a missing chunk is refused", func(t *testing.T) { conformMissing(t, remote) })
		t.Run(string(kind)+"/damage is not stored", func(t *testing.T) { conformDamage(t, remote) })
		t.Run(string(kind)+"/mutations come back in order", func(t *testing.T) { conformMutations(t, remote) })
		t.Run(string(kind)+"/a bad token is no other failure", func(t *testing.T) { conformStranger(t, stranger) })
	}
}

func conformChunk(t *testing.T, remote *transport.RemoteTransport, kind transport.Kind) {
	empty, err := remote.ReadManifest(t.Context())
	if err != nil || len(empty.Entries()) != 0 || remote.Kind() != kind {
		t.Fatalf("at first %v, %v, of kind %q", empty, err, remote.Kind())
	}
	c := wiretest.NewChunk(canonicalChunk)
	for range 2 { // the second time changes nothing
		if err := remote.WriteChunk(t.Context(), c.Entry, c.Open); err != nil {
			t.Fatal(err)
		}
	}
	m, err := remote.ReadManifest(t.Context())
	if err != nil || len(m.Entries()) != 1 || m.Entries()[0].ID != c.Entry.ID {
		t.Fatalf("listed %v, %v", m.Entries(), err)
	}
	e := m.Entries()[0]
	if e.Sessions != 1 || e.Memories != 1 || e.Prompts != 0 || e.CreatedBy != "dev" || e.Time().IsZero() {
		t.Errorf("the entry is %+v", e)
	}
	var got string
	if _, err := remote.ReadChunk(t.Context(), c.ID(), wiretest.Into(&got)); err != nil || got != c.Text {
		t.Errorf("read %q, %v", got, err)
	}
}

func conformMissing(t *testing.T, remote *transport.RemoteTransport) {
	_, err := remote.ReadChunk(t.Context(), wiretest.NewChunk(`{"never":"sent"}`).ID(), wiretest.Discard)
	wiretest.OneClass(t, err, transport.ErrRefused)
}

func conformDamage(t *testing.T, remote *transport.RemoteTransport) {
	entry := wiretest.NewChunk(`{"sessions":[],"n":1}`).Entry
	err := remote.WriteChunk(t.Context(), entry, wiretest.Chunk{Text: `{"sessions":[],"n":2}`, Entry: entry}.Open)
	if !errors.Is(err, engram.ErrDamaged) {
		t.Errorf("got %v", err)
	}
	m, err := remote.ReadManifest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, listed := m.Entry(entry.ID); listed {
		t.Error("it is listed")
	}
}

func conformMutations(t *testing.T, remote *transport.RemoteTransport) {
	before, err := remote.PullMutations(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var sent []transport.MutationEntry
	for i := range 3 {
		id := fmt.Sprintf("c%d", i)
		sent = append(sent, transport.MutationEntry{
			Entity: "session", EntityKey: id, Op: "upsert", Payload: json.RawMessage(`{"id":"` + id + `","directory":"/w","n":1.50}`),
		})
	}
	result, err := remote.PushMutations(t.Context(), sent, "conformance")
	if err != nil || result.Accepted != len(sent) {
		t.Fatalf("pushed %v, %v", result, err)
	}
	var since int64
	if n := len(before.Mutations); n > 0 {
		since = before.Mutations[n-1].Seq // a project server journals the rows of chunks too
	}
	var want, got [][32]byte
	for _, e := range sent {
		want = append(want, rowsum.Of(e))
	}
	for more := true; more; {
		page, err := remote.PullMutations(t.Context(), since, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range page.Mutations {
			got, since = append(got, rowsum.Of(row.Entry())), row.Seq
		}
		more = page.HasMore
	}
	if diff := cmp.Diff(want, got); diff != "" || since != result.LastSeq {
		t.Errorf("up to %d of %d (-want +got):\n%s", since, result.LastSeq, diff)
	}
}

func conformStranger(t *testing.T, stranger *transport.RemoteTransport) {
	_, err := stranger.ReadManifest(t.Context())
	wiretest.OneClass(t, err, transport.ErrUnauthorized)
	_, err = stranger.PullMutations(t.Context(), 0, 1)
	wiretest.OneClass(t, err, transport.ErrUnauthorized)
	_, err = stranger.PushMutations(t.Context(), []transport.MutationEntry{wiretest.Session("s")}, "")
	wiretest.OneClass(t, err, transport.ErrUnauthorized)
}

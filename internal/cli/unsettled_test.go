package cli

import (
	"context"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/transport"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

type fixedToken string

func (f fixedToken) Token(context.Context) (string, error) { return string(f), nil }

// TestUnsettled loses a push before the server saw it, without a word: nobody
// can tell whether it is still under way, so it is not sent again, and the exit
// code says that the outcome is unknown. The program looks for 30 s; this test
// does not have that long.
func TestUnsettled(t *testing.T) {
	t.Parallel()
	srv, err := server.Open(t.Context(), server.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = srv.Close() }()
	token, err := srv.LocalToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := newScriptServer(srv.Handler())
	s.cuts["POST /sync/push"] = &scriptCut{left: 1}
	listener := httptest.NewServer(s)
	defer listener.Close()

	path := filepath.Join(t.TempDir(), ".engram")
	makeChunks(t, path, 3, 100)
	dir, err := chunkdir.Open(path, chunkdir.Options{})
	if err != nil {
		t.Fatal(err)
	}
	remote, err := transport.NewRemoteTransport(listener.URL, fixedToken(token), transport.Options{SettleFor: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	diff, err := syncer.Compare(t.Context(), workspace.Directory{Dir: dir}, remote, syncer.CompareOptions{})
	if err != nil {
		t.Fatal(err)
	}
	result := syncer.Run(t.Context(), diff, syncer.Options{Push: true, Concurrency: 1})
	if got := problem.CodeOfAll(len(result.Moved), result.Failed); got != problem.Unknown {
		t.Errorf("code %d, want %d: %v", got, problem.Unknown, result.Failed)
	}
	if len(result.Moved) != 2 || len(result.Failed) != 1 || s.counts["POST /sync/push"] != 3 {
		t.Errorf("%d moved, %d failed, %d pushes sent", len(result.Moved), len(result.Failed), s.counts["POST /sync/push"])
	}
}

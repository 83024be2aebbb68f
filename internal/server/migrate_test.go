package server_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/testkit/pgtest"
)

// The signing key comes last, so that nobody's token is good where not everything is.
func TestTheKeyMovesOnceAllIsThere(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "made", "by migrate")
	s := open(t, server.Options{Dir: from})
	c := listen(t, s)
	c.post("/sync/push", `{"chunk_id":"00000001"}`).want(t, 200, "")
	execute(t, from, "UPDATE pieces SET bytes = CAST('{\"chunk_id\":\"00000002\"}' AS BLOB)")
	ignore := func(server.Migrated) {}
	if err := s.Migrate(t.Context(), server.Options{Dir: to}, ignore); !errors.Is(err, server.ErrDamaged) {
		t.Errorf("a damaged chunk: %v", err)
	}
	if _, err := os.Stat(filepath.Join(to, "signing.key")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the key is there: %v", err)
	}

	execute(t, from, "UPDATE pieces SET bytes = CAST('{\"chunk_id\":\"00000001\"}' AS BLOB)")
	if err := s.Migrate(t.Context(), server.Options{Dir: to}, ignore); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(signingKey(t, to), signingKey(t, from)) {
		t.Error("the key is another")
	}
	moved := listen(t, open(t, server.Options{Dir: to}))
	moved.as(c.token).get("/sync/pull/00000001").want(t, 200, `{"chunk_id":"00000001"}`)
}

// Who serves a target too early makes a key there, and the next run says so.
func TestATargetThatWasServedTooEarlyIsRefused(t *testing.T) {
	s, to := open(t, server.Options{}), t.TempDir()
	open(t, server.Options{Dir: to})
	err := s.Migrate(t.Context(), server.Options{Dir: to}, func(server.Migrated) {})
	if !errors.Is(err, server.ErrOtherData) {
		t.Errorf("got %v", err)
	}
}

// Two that copy to one place at once: the second is told so, and nothing is torn.
func TestOneMigratesToAPlaceAtATime(t *testing.T) {
	source := open(t, server.Options{})
	listen(t, source).post("/sync/push", `{"chunk_id":"00000001"}`).want(t, 200, "")
	for name, to := range map[string]server.Options{"a directory": {Dir: t.TempDir()}, "a database": {Database: pgtest.Database(t)}} {
		var second error
		err := source.Migrate(t.Context(), to, func(server.Migrated) {
			second = source.Migrate(t.Context(), to, func(server.Migrated) {})
		})
		if err != nil || !errors.Is(second, server.ErrTargetBusy) {
			t.Errorf("%s: %v, and the second %v", name, err, second)
		}
		if err := source.Migrate(t.Context(), to, func(server.Migrated) {}); err != nil {
			t.Errorf("%s, after that: %v", name, err)
		}
	}
}

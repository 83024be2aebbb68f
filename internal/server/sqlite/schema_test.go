package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/sqliteuri"
)

// A database of every version of the schema comes up, with what is in it, and then has the schema of a new one.
func TestEveryVersionOfTheSchemaComesUp(t *testing.T) {
	of := func(path string) (all []string) {
		t.Helper()
		s, err := Open(t.Context(), path, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		err = eachRow(t.Context(), s.read, func(rows *sql.Rows) (bool, error) {
			var text string
			err := rows.Scan(&text)
			all = append(all, text)
			return true, err
		}, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
		users, failed := s.ListUsers(t.Context())
		if err != nil || failed != nil || s.Close() != nil {
			t.Fatal(err, failed)
		}
		return append(all, fmt.Sprint(len(users), " users"))
	}
	// made gives a database as a release with the first so many migrations has left it.
	made := func(version int) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "server.db")
		db, err := sql.Open("sqlite", sqliteuri.Of(path, nil))
		if err != nil {
			t.Fatal(err)
		}
		err = inTx(t.Context(), db, func(tx *sql.Tx) error {
			for _, step := range migrations[:version] {
				if err := step(t.Context(), tx); err != nil {
					return err
				}
			}
			return exec(t.Context(), tx, versionIs(version),
				"INSERT INTO users (id, username, manifest_tag, created_at) VALUES ('u', 'alice', '', '2026-11-29T12:00:00.000000Z')",
				"INSERT INTO chunks (user_id, chunk_id, created_by, created_at, sessions, memories, prompts, size, body_sha256) VALUES ('u', '00000001', '', '2026-11-29T12:00:00.000000Z', 0, 0, 0, 2, '')",
				"INSERT INTO pieces (chunk, start, bytes) VALUES (1, 0, CAST('{}' AS BLOB))")
		})
		if err != nil || db.Close() != nil {
			t.Fatal(err)
		}
		return path
	}
	want := of(made(len(migrations)))
	for version := 1; version < len(migrations); version++ {
		if diff := cmp.Diff(want, of(made(version))); diff != "" {
			t.Errorf("from version %d: %s", version, diff)
		}
	}
}

// A server that was running when a newer release came to its file says that it is ready, and leaves the schema what it is.
func TestReadyKeepsTheVersionOfTheSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "server.db")
	s, err := Open(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	newer := len(migrations) + 1
	err = inTx(t.Context(), s.write.DB, func(tx *sql.Tx) error { return exec(t.Context(), tx, versionIs(newer)) })
	if err != nil {
		t.Fatal(err)
	}
	var version int
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.read.QueryRowContext(t.Context(), "PRAGMA user_version").Scan(&version); err != nil || version != newer {
		t.Errorf("the schema has the version %d, want %d: %v", version, newer, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Open(t.Context(), path, time.Now); err == nil {
		t.Error("an older release opened it")
	}
}

func exec(ctx context.Context, tx *sql.Tx, statements ...string) error {
	for _, text := range statements {
		if _, err := tx.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

package engramdb_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/engramdb"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// fixture is a copy of the database that a release made, alone in a directory
// and in WAL mode, as engram has left it.
func fixture(t testing.TB, release string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "engram.db")
	copyFile(t, fixtures.Database(release), path)
	w := writer(t, path) // turns WAL on
	execSQL(t, w, "SELECT count(*) FROM sessions")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// copyFile must not be used on a database that this process has open: it would
// drop SQLite's locks.
func copyFile(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// writer opens the database as engram does.
func writer(t testing.TB, path string) *sql.DB {
	t.Helper()
	pool, err := openWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	return pool
}

func openWriter(path string) (*sql.DB, error) {
	pragmas := url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(1)"}}
	slashed := "/" + strings.TrimPrefix(filepath.ToSlash(path), "/") // file:///C:/...
	uri := url.URL{Scheme: "file", Path: slashed, RawQuery: pragmas.Encode()}
	pool, err := sql.Open("sqlite", uri.String())
	if err == nil {
		pool.SetMaxOpenConns(1)
	}
	return pool, err
}

func execSQL(t testing.TB, pool *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := pool.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// addMemory saves one memory; its row of the journal is not written.
const addMemory = `INSERT INTO observations (sync_id, session_id, type, title, content, project)
	VALUES ('obs-' || lower(hex(randomblob(8))), (SELECT min(id) FROM sessions), 'decision', 'T', ?, 'repo')`

func open(t testing.TB, path string) *engramdb.DB {
	t.Helper()
	db, err := engramdb.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// read takes everything that a Snapshot has.
func read(t testing.TB, db *engramdb.DB) engram.ChunkRows {
	t.Helper()
	var rows engram.ChunkRows
	err := db.Snapshot(t.Context(), func(s *engramdb.Snapshot) (err error) {
		rows, err = rowsOf(t, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func rowsOf(t testing.TB, s *engramdb.Snapshot) (rows engram.ChunkRows, err error) {
	ctx := t.Context()
	if err := s.Sessions(ctx, func(r engram.Session) error { rows.Sessions = append(rows.Sessions, r); return nil }); err != nil {
		return rows, err
	}
	if err := s.Observations(ctx, func(r engram.Observation) error { rows.Observations = append(rows.Observations, r); return nil }); err != nil {
		return rows, err
	}
	return rows, s.Prompts(ctx, func(r engram.Prompt) error { rows.Prompts = append(rows.Prompts, r); return nil })
}

// listing describes all files of a directory: name, mode, size and time.
func listing(t testing.TB, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list string
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		list += fmt.Sprintf("%s %v %d %v\n", info.Name(), info.Mode(), info.Size(), info.ModTime())
	}
	return list
}

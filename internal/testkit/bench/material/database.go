package material

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // registers the driver

	"github.com/engram-sync/engram-sync/internal/testkit/corpus"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// WriteDatabase makes the engram.db of engram 1.16.1 in a new directory, and saves so many memories of
// 1 KB in it, ten a session: a copy of the database that the release made, with rows of our own.
func WriteDatabase(ctx context.Context, dir string, memories int) error {
	if err := writeDatabase(ctx, dir, memories); err != nil {
		return fmt.Errorf("make a database: %w", err)
	}
	// A database that has just been written may still change: it is not believed before it has rested.
	rested := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "engram.db"), rested, rested); err != nil {
		return fmt.Errorf("make a database: %w", err)
	}
	return nil
}

func writeDatabase(ctx context.Context, dir string, memories int) (err error) {
	text, err := os.ReadFile(fixtures.Database("1.16.1"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	path := filepath.Join(dir, "engram.db")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	// engram's own settings. Source: local-state.md 2.1.
	pragmas := url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(1)"}}
	uri := url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(path), "/"), RawQuery: pragmas.Encode()}
	db, err := sql.Open("sqlite", uri.String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing, once it is committed
	if err := insert(ctx, tx, memories); err != nil {
		return err
	}
	return tx.Commit()
}

func insert(ctx context.Context, tx *sql.Tx, memories int) error {
	author := corpus.NewAuthor(uint64(memories))
	session := ""
	for i := range memories {
		if i%10 == 0 {
			session = fmt.Sprintf("bench-%06d", i/10)
			s := author.Session(session)
			if _, err := tx.ExecContext(ctx, "INSERT INTO sessions (id, project, directory, started_at) VALUES (?, ?, ?, ?)",
				s.ID, s.Project, s.Directory, s.StartedAt); err != nil {
				return err
			}
		}
		o := author.Memory(session, 1000)
		if _, err := tx.ExecContext(ctx, `INSERT INTO observations (sync_id, session_id, type, title, content, project, created_at, updated_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, o.SyncID, o.SessionID, o.Type, o.Title, o.Content, *o.Project, o.CreatedAt, o.UpdatedAt); err != nil {
			return err
		}
	}
	// engram writes each change into its journal too, which so takes as much room as the memories.
	_, err := tx.ExecContext(ctx, `INSERT INTO sync_mutations (target_key, entity, entity_key, op, payload, project)
		SELECT 'cloud', 'observation', sync_id, 'upsert', json_object('sync_id', sync_id, 'session_id', session_id, 'type', type,
			'title', title, 'content', content, 'project', project, 'scope', scope), project
		FROM observations WHERE session_id LIKE 'bench-%'`)
	return err
}

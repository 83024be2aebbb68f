package engramdb

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Snapshot is engram's memories as they were at one moment. It may be used only
// within the function that got it, and by one goroutine at a time.
type Snapshot struct{ view *view }

// Snapshot calls f once, with a view in which nothing changes. f has to be
// brief: while it runs, SQLite cannot write engram's log back, which then grows.
// So f should look and keep, not wait for a network or a person. f's error comes
// back as it is. Other errors: those of Open, and ErrBusy.
//
// Where nobody has the database open, Snapshot works on a private copy, which
// takes as much temporary space as the database has bytes.
func (db *DB) Snapshot(ctx context.Context, f func(*Snapshot) error) error {
	return db.readFirmly(ctx, func(_ context.Context, v *view) error {
		return f(&Snapshot{view: v})
	})
}

// Sessions gives every session to yield, ordered by id, until yield gives an
// error, which comes back as it is. One row is in memory at a time.
func (s *Snapshot) Sessions(ctx context.Context, yield func(engram.Session) error) error {
	return s.each(ctx, sessions, func(scan func(...any) error) error {
		var id, project, directory, started sql.NullString
		var r engram.Session
		if err := scan(&id, &project, &directory, &started, &r.EndedAt, &r.Summary); err != nil {
			return err
		}
		r.ID, r.Project, r.Directory, r.StartedAt = id.String, project.String, directory.String, started.String
		return yield(r)
	})
}

// Observations gives every memory to yield, as Sessions does. Soft-deleted ones
// are among them (DeletedAt). SyncID is "" where engram has given none.
func (s *Snapshot) Observations(ctx context.Context, yield func(engram.Observation) error) error {
	return s.each(ctx, observations, func(scan func(...any) error) error {
		var syncID, session, kind, title, content, scope, created, updated sql.NullString
		var revisions, duplicates sql.NullInt64
		var r engram.Observation
		err := scan(&r.ID, &syncID, &session, &kind, &title, &content, &r.ToolName, &r.Project, &scope,
			&r.TopicKey, &revisions, &duplicates, &r.LastSeenAt, &created, &updated, &r.DeletedAt)
		if err != nil {
			return err
		}
		r.SyncID, r.SessionID, r.Type, r.Title, r.Content = syncID.String, session.String, kind.String, title.String, content.String
		r.Scope, r.CreatedAt, r.UpdatedAt = scope.String, created.String, updated.String
		r.RevisionCount, r.DuplicateCount = revisions.Int64, duplicates.Int64
		return yield(r)
	})
}

// Prompts gives every prompt to yield, as Sessions does. SyncID and Project are
// "" where engram has none.
func (s *Snapshot) Prompts(ctx context.Context, yield func(engram.Prompt) error) error {
	return s.each(ctx, prompts, func(scan func(...any) error) error {
		var syncID, session, content, project, created sql.NullString
		var r engram.Prompt
		if err := scan(&r.ID, &syncID, &session, &content, &project, &created); err != nil {
			return err
		}
		r.SyncID, r.SessionID, r.Content = syncID.String, session.String, content.String
		r.Project, r.CreatedAt = project.String, created.String
		return yield(r)
	})
}

// each calls row for each row of t, ordered by id.
func (s *Snapshot) each(ctx context.Context, t table, row func(scan func(...any) error) error) error {
	columns, err := s.view.columns(ctx, t)
	if err != nil {
		return fmt.Errorf("read engram's %s: %w", t.name, err)
	}
	return s.view.query(ctx, row, "SELECT "+columns+" FROM "+t.name+" ORDER BY "+t.name+".id")
}

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
		var r engram.Session
		err := scan(orZero(&r.ID), orZero(&r.Project), orZero(&r.Directory), orZero(&r.StartedAt), &r.EndedAt, &r.Summary)
		if err != nil {
			return err
		}
		return yield(r)
	})
}

// Observations gives every memory to yield, as Sessions does. Soft-deleted ones
// are among them (DeletedAt). SyncID is "" where engram has given none.
func (s *Snapshot) Observations(ctx context.Context, yield func(engram.Observation) error) error {
	return s.each(ctx, observations, func(scan func(...any) error) error {
		var r engram.Observation
		err := scan(&r.ID, orZero(&r.SyncID), orZero(&r.SessionID), orZero(&r.Type), orZero(&r.Title), orZero(&r.Content),
			&r.ToolName, &r.Project, orZero(&r.Scope), &r.TopicKey, orZero(&r.RevisionCount), orZero(&r.DuplicateCount),
			&r.LastSeenAt, orZero(&r.CreatedAt), orZero(&r.UpdatedAt), &r.DeletedAt)
		if err != nil {
			return err
		}
		return yield(r)
	})
}

// Prompts gives every prompt to yield, as Sessions does. SyncID and Project are
// "" where engram has none.
func (s *Snapshot) Prompts(ctx context.Context, yield func(engram.Prompt) error) error {
	return s.each(ctx, prompts, func(scan func(...any) error) error {
		var r engram.Prompt
		err := scan(&r.ID, orZero(&r.SyncID), orZero(&r.SessionID), orZero(&r.Content), orZero(&r.Project), orZero(&r.CreatedAt))
		if err != nil {
			return err
		}
		return yield(r)
	})
}

// nullable scans NULL as the zero value.
type nullable[T any] struct{ to *T }

func orZero[T any](to *T) nullable[T] { return nullable[T]{to} }

// Scan implements sql.Scanner.
func (n nullable[T]) Scan(value any) error {
	var v sql.Null[T]
	err := v.Scan(value)
	*n.to = v.V
	return err
}

// each calls row for each row of t, ordered by id.
func (s *Snapshot) each(ctx context.Context, t table, row func(scan func(...any) error) error) error {
	columns, err := s.view.columns(ctx, t)
	if err != nil {
		return fmt.Errorf("read engram's %s: %w", t.name, err)
	}
	return s.view.query(ctx, row, "SELECT "+columns+" FROM "+t.name+" ORDER BY "+t.name+".id")
}

package engramdb

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"strings"

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
		err := scan(orZero(&r.ID), orZero(&r.Project), orZero(&r.OwnershipMode), orZero(&r.Directory), orZero(&r.StartedAt), &r.EndedAt, &r.Summary)
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
			&r.LastSeenAt, &r.ReviewAfter, orZero(&r.CreatedAt), orZero(&r.UpdatedAt), &r.DeletedAt)
		if err != nil {
			return err
		}
		return yield(r)
	})
}

// Types are the types that memories have.
func (s *Snapshot) Types(ctx context.Context) (types []string, err error) {
	err = s.view.query(ctx, func(scan func(...any) error) error {
		var name string
		err := scan(orZero(&name))
		types = append(types, name)
		return err
	}, "SELECT DISTINCT type FROM observations")
	return types, err
}

// Prompts gives every prompt to yield, as Sessions does. SyncID and Project are
// "" where engram has none.
func (s *Snapshot) Prompts(ctx context.Context, yield func(engram.Prompt) error) error {
	return s.each(ctx, prompts, func(scan func(...any) error) error {
		var r engram.Prompt
		err := scan(&r.SourceInboxID, &r.ID, orZero(&r.SyncID), orZero(&r.SessionID), orZero(&r.Content), orZero(&r.Project), orZero(&r.CreatedAt))
		if err != nil {
			return err
		}
		return yield(r)
	})
}

// nullable scans NULL as the zero value.
type nullable[T any] struct{ to *T }

func orZero[T any](to *T) nullable[T] { return nullable[T]{to} }

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

// table is what is read of one of engram's tables: the columns by name, so that
// releases may add others. Source: local-state.md 2.2, engram-2.md 3.
type table struct {
	name    string
	columns []column
}

// column is read AS kind, TEXT or INTEGER, whatever its declaration says: the
// driver would make times of a DATETIME.
type column struct {
	name, kind string
	optional   bool // NULL where the table has no such column
}

const (
	text    = "TEXT"
	integer = "INTEGER"
)

var (
	sessions = table{"sessions", []column{
		{"id", text, false}, {"project", text, false}, {"ownership_mode", text, true}, {"directory", text, false},
		{"started_at", text, false}, {"ended_at", text, true}, {"summary", text, true},
	}}
	// What tells memories apart (sync_id) and keeps them personal (scope) is not optional.
	observations = table{"observations", []column{
		{"id", integer, false}, {"sync_id", text, false}, {"session_id", text, false},
		{"type", text, false}, {"title", text, false}, {"content", text, false},
		{"tool_name", text, true}, {"project", text, true}, {"scope", text, false},
		{"topic_key", text, true}, {"revision_count", integer, false}, {"duplicate_count", integer, false},
		{"last_seen_at", text, true}, {"review_after", text, true},
		{"created_at", text, false}, {"updated_at", text, false}, {"deleted_at", text, true},
	}}
	prompts = table{"user_prompts", []column{
		{"source_inbox_id", text, true}, {"id", integer, false}, {"sync_id", text, false}, {"session_id", text, false},
		{"content", text, false}, {"project", text, true}, {"created_at", text, false},
	}}
	mutations = table{"sync_mutations", []column{
		{"seq", integer, false}, {"entity", text, false}, {"entity_key", text, false},
		{"op", text, false}, {"payload", text, false}, {"project", text, true},
		{"occurred_at", text, false}, {"acked_at", text, false}, {"target_key", text, false},
		{"disposition", text, true},
	}}
)

// companion names the columns without which one is not read. 1.16 sets
// review_after and keeps it to itself; from 1.17 on, which brought "pinned", it
// travels with a memory. Source: local-state.md 1.3, engram-2.md 2.2 and 3.
var companion = map[string]string{"review_after": "pinned"}

// columns is the list for SELECT, in t's order. *SchemaError where t lacks a
// column that is needed, or is missing.
func (v *view) columns(ctx context.Context, t table) (string, error) {
	present, err := v.columnsOf(ctx, t.name)
	if err != nil {
		return "", err
	}
	if len(present) == 0 {
		return "", &SchemaError{Path: v.db.path, Table: t.name}
	}
	list := make([]string, len(t.columns))
	for i, c := range t.columns {
		switch {
		case present[c.name] && (companion[c.name] == "" || present[companion[c.name]]):
			list[i] = fmt.Sprintf("CAST(%s AS %s)", c.name, c.kind)
		case c.optional:
			list[i] = "NULL"
		default:
			return "", &SchemaError{Path: v.db.path, Table: t.name, Column: c.name}
		}
	}
	return strings.Join(list, ", "), nil
}

// columnsOf are the columns of a table: none where something else has its name. A view may
// have rows without an end, and what a virtual table does is its module's to say.
func (v *view) columnsOf(ctx context.Context, table string) (present map[string]bool, err error) {
	present = map[string]bool{}
	err = v.query(ctx, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		present[name] = true
		return err
	}, `SELECT name FROM pragma_table_info(?1)
		WHERE EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND rootpage > 0 AND name = ?1 COLLATE NOCASE)`, table)
	return present, err
}

// query calls row for each row of the answer. An error of row ends it, and
// comes back as it is.
func (v *view) query(ctx context.Context, row func(scan func(...any) error) error, query string, args ...any) (err error) {
	rows, err := v.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return v.db.judge(err)
	}
	defer func() { err = cmp.Or(err, v.db.judge(rows.Close())) }()
	for rows.Next() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return v.db.judge(rows.Err())
}

// Legacy says whether the database was last opened by an engram of the 1.9.4
// kind, which keeps a list of the chunks that it imported, without saying from
// where. A newer one changes that list when it opens the database. Errors: those
// of Open. Source: local-state.md 2.2 and 7.5.
func (db *DB) Legacy(ctx context.Context) (bool, error) {
	var legacy bool
	err := db.read(ctx, func(ctx context.Context, v *view) error {
		columns, err := v.columnsOf(ctx, "sync_chunks")
		legacy = len(columns) > 0 && !columns["target_key"]
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look at engram's database: %w", err)
	}
	return legacy, nil
}

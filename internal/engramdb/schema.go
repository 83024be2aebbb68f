package engramdb

import (
	"cmp"
	"context"
	"fmt"
	"strings"
)

// table is what is read of one of engram's tables: the columns by name, so that
// releases may add others. Source: local-state.md 2.2.
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
		{"id", text, false}, {"project", text, false}, {"directory", text, false},
		{"started_at", text, false}, {"ended_at", text, true}, {"summary", text, true},
	}}
	// What tells memories apart (sync_id) and keeps them personal (scope) is not optional.
	observations = table{"observations", []column{
		{"id", integer, false}, {"sync_id", text, false}, {"session_id", text, false},
		{"type", text, false}, {"title", text, false}, {"content", text, false},
		{"tool_name", text, true}, {"project", text, true}, {"scope", text, false},
		{"topic_key", text, true}, {"revision_count", integer, false}, {"duplicate_count", integer, false},
		{"last_seen_at", text, true}, {"created_at", text, false}, {"updated_at", text, false},
		{"deleted_at", text, true},
	}}
	prompts = table{"user_prompts", []column{
		{"id", integer, false}, {"sync_id", text, false}, {"session_id", text, false},
		{"content", text, false}, {"project", text, true}, {"created_at", text, false},
	}}
	mutations = table{"sync_mutations", []column{
		{"seq", integer, false}, {"entity", text, false}, {"entity_key", text, false},
		{"op", text, false}, {"payload", text, false}, {"project", text, true},
		{"occurred_at", text, false}, {"acked_at", text, false}, {"target_key", text, false},
	}}
)

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
		case present[c.name]:
			list[i] = fmt.Sprintf("CAST(%s AS %s)", c.name, c.kind)
		case c.optional:
			list[i] = "NULL"
		default:
			return "", &SchemaError{Path: v.db.path, Table: t.name, Column: c.name}
		}
	}
	return strings.Join(list, ", "), nil
}

func (v *view) columnsOf(ctx context.Context, table string) (present map[string]bool, err error) {
	present = map[string]bool{}
	err = v.query(ctx, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		present[name] = true
		return err
	}, "SELECT name FROM pragma_table_info(?)", table)
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

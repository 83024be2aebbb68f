package engramdb_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/engramdb"
)

// handMade makes a database of the given statements.
func handMade(t testing.TB, statements ...string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "engram.db")
	w := writer(t, path)
	for _, statement := range statements {
		execSQL(t, w, statement)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// Tables without constraints, without what may be missing, and with what a newer
// release may add.
const (
	looseSessions     = `CREATE TABLE sessions (mood TEXT, id TEXT PRIMARY KEY, project, directory, started_at DATETIME)`
	looseObservations = `CREATE TABLE observations (id INTEGER PRIMARY KEY, stars INTEGER, sync_id, session_id, type, title, content,
		scope, revision_count, duplicate_count, created_at TIMESTAMP, updated_at DATE)`
	loosePrompts = `CREATE TABLE user_prompts (id INTEGER PRIMARY KEY, sync_id, session_id, content, project, created_at, weather)`
	looseJournal = `CREATE TABLE sync_mutations (seq INTEGER PRIMARY KEY, target_key, entity, entity_key, op, payload, occurred_at, acked_at)`
)

func TestNullsAndOtherColumns(t *testing.T) {
	path := handMade(t, looseSessions, looseObservations, loosePrompts, looseJournal,
		`INSERT INTO sessions VALUES ('good', 's', 'p', '/w', '2026-11-22 09:14:57'), (NULL, NULL, NULL, NULL, NULL)`,
		`INSERT INTO observations (id, created_at, updated_at) VALUES (7, '2026-11-22 09:14:57', '2026-11-22 09:14:58'), (3, NULL, NULL)`,
		`INSERT INTO user_prompts (id) VALUES (1)`,
		`INSERT INTO sync_mutations VALUES (1, 'cloud', 'e', 'k', 'o', NULL, NULL, NULL),
			(2, 'cloud', 'e', 'k', 'o', x'7B00FF7D', '', ''), (3, 'cloud', 'e', 'k', 'o', '{"a":"' || char(0) || '<\u003c é"}', 't', NULL), (4, 'cloud', NULL, NULL, NULL, 12, 't', NULL)`)
	db := open(t, path)
	rows := read(t, db)
	if want := (engram.Session{ID: "s", Project: "p", Directory: "/w", StartedAt: "2026-11-22 09:14:57"}); len(rows.Sessions) != 2 || rows.Sessions[1] != want || rows.Sessions[0] != (engram.Session{}) {
		t.Errorf("sessions: %+v", rows.Sessions)
	}
	if want := (engram.Observation{ID: 7, CreatedAt: "2026-11-22 09:14:57", UpdatedAt: "2026-11-22 09:14:58"}); len(rows.Observations) != 2 || rows.Observations[1] != want || rows.Observations[0] != (engram.Observation{ID: 3}) {
		t.Errorf("memories: %+v", rows.Observations)
	}
	if len(rows.Prompts) != 1 || rows.Prompts[0] != (engram.Prompt{ID: 1}) {
		t.Errorf("prompts: %+v", rows.Prompts)
	}
	page, err := db.Journal(t.Context(), 0, 10, true)
	if err != nil || len(page) != 4 {
		t.Fatalf("%d rows, %v", len(page), err)
	}
	if page[0].Payload != nil || page[0].Acked || !page[1].Acked || page[3].Entity != "" {
		t.Errorf("journal: %+v", page)
	}
	for i, want := range []string{"", "{\x00\xff}", "{\"a\":\"\x00<\\u003c é\"}", "12"} {
		if got := string(page[i].Payload); got != want {
			t.Errorf("payload %d: %q, want %q", i+1, got, want)
		}
	}
}

func TestAnotherProgramsDatabase(t *testing.T) {
	without := func(statement, column string) string { return strings.Replace(statement, column+",", "", 1) }
	for _, tc := range []struct {
		tables []string
		want   string
	}{
		{nil, "no table sessions"},
		{[]string{looseSessions, looseObservations}, "no table user_prompts"},
		{[]string{looseSessions, without(looseObservations, "sync_id"), loosePrompts}, "no column observations.sync_id"},
		{[]string{looseSessions, without(looseObservations, "scope"), loosePrompts}, "no column observations.scope"},
	} {
		path := handMade(t, append(tc.tables, "CREATE TABLE other (x)")...)
		_, err := engramdb.Open(t.Context(), path)
		var schema *engramdb.SchemaError
		if !errors.As(err, &schema) || schema.Path != path || !strings.Contains(err.Error(), tc.want) || errors.Is(err, engram.ErrDamaged) {
			t.Errorf("got %v, want %q", err, tc.want)
		}
	}
	// Memories alone can be read; only the journal is refused.
	db := open(t, handMade(t, looseSessions, looseObservations, loosePrompts))
	read(t, db)
	var schema *engramdb.SchemaError
	if _, err := db.Journal(t.Context(), 0, 1, true); !errors.As(err, &schema) || schema.Table != "sync_mutations" {
		t.Errorf("journal: %v", err)
	}
	if _, err := db.Version(t.Context()); err != nil {
		t.Errorf("version without sqlite_sequence: %v", err)
	}
}

func TestFilesThatAreNoDatabase(t *testing.T) {
	whole := contents(t, fixture(t, "1.16.1"))
	noise := make([]byte, len(whole))
	for i := range noise {
		noise[i] = byte(i*i>>3 ^ 0x5a)
	}
	for name, text := range map[string]string{
		"text": "not a database, and never was one\n", "one byte": "S", "encrypted": string(noise),
		"header alone": whole[:100], "half": whole[:len(whole)/2], "a page short": whole[:len(whole)-4096],
		"schema gone": whole[:100] + strings.Repeat("\xff", 3996) + whole[4096:],
	} {
		path := filepath.Join(t.TempDir(), "engram.db")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		before := listing(t, filepath.Dir(path))
		_, err := engramdb.Open(t.Context(), path)
		var damaged *engramdb.DamagedError
		if !errors.As(err, &damaged) || damaged.Path != path || !errors.Is(err, engram.ErrDamaged) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
		if after := listing(t, filepath.Dir(path)); after != before {
			t.Errorf("%s: the directory was\n%sand is\n%s", name, before, after)
		}
	}
}

// The schema is whole, and rows are not: no answer may look complete.
func TestAHoleInTheDatabaseIsNoticed(t *testing.T) {
	path := fixture(t, "1.9.4")
	whole := contents(t, path)
	holes := 0
	for page := 1; page < len(whole)/4096; page++ {
		holed := whole[:page*4096] + strings.Repeat("\xa5", 4096) + whole[(page+1)*4096:]
		if err := os.WriteFile(path, []byte(holed), 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := engramdb.Open(t.Context(), path)
		if err == nil {
			err = db.Snapshot(t.Context(), func(s *engramdb.Snapshot) error {
				rows, err := rowsOf(t, s)
				if err == nil && len(rows.Sessions)+len(rows.Observations)+len(rows.Prompts) != 13 {
					t.Errorf("page %d: rows are missing without a word", page)
				}
				return err
			})
		}
		if err != nil {
			holes++
			if !errors.Is(err, engram.ErrDamaged) {
				t.Errorf("page %d: %v", page, err)
			}
		}
	}
	if holes < 3 { // at least the three tables' own pages
		t.Errorf("%d holes were noticed", holes)
	}
}

func TestWhereThereIsNoDatabase(t *testing.T) {
	dir := t.TempDir()
	if _, err := engramdb.Open(t.Context(), filepath.Join(dir, "engram.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := engramdb.Open(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("directory: %v", err)
	}
	empty := filepath.Join(dir, "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := engramdb.Open(t.Context(), empty); !errors.Is(err, engramdb.ErrEmpty) {
		t.Errorf("empty: %v", err)
	}
	if left := names(t, dir); left != "empty.db\n" {
		t.Errorf("left behind: %s", left)
	}
}

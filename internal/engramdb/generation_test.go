package engramdb_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"modernc.org/sqlite"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

func TestGenerationsAreToldByColumns(t *testing.T) {
	for name, tc := range map[string]struct {
		release   string
		statement string
		want      engram.Generation
	}{
		"1.9.4":                 {"1.9.4", "", engram.Gen1},
		"1.16.1":                {"1.16.1", "", engram.Gen1},
		"1.20":                  {"1.20", "", engram.Gen1},
		"2.x":                   {"2-like", "", engram.Gen2},
		"its number alone":      {"1.20", "PRAGMA user_version = 1", engram.Gen2},
		"ownership alone":       {"1.9.4", "ALTER TABLE sessions ADD COLUMN ownership_mode TEXT", engram.Gen2},
		"dispositions alone":    {"1.20", "ALTER TABLE sync_mutations ADD COLUMN disposition TEXT", engram.Gen2},
		"an inbox":              {"2-like", "ALTER TABLE user_prompts ADD COLUMN source_inbox_id TEXT", engram.Gen3},
		"confirmations":         {"1.20", "CREATE TABLE prompt_source_confirmations (x)", engram.Gen3},
		"one that nobody knows": {"2-like", "PRAGMA user_version = 2", 0},
	} {
		path := fixture(t, tc.release)
		if tc.statement != "" {
			w := writer(t, path)
			execSQL(t, w, tc.statement)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		db := open(t, path)
		if got, err := db.Generation(t.Context()); got != tc.want || err != nil {
			t.Errorf("%s: %v, %v, want %v", name, got, err, tc.want)
		}
		if rows := read(t, db); len(rows.Observations) == 0 {
			t.Errorf("%s: nothing is read", name)
		}
	}
}

// What the chunks hold of a database of 2.x, they hold in its words: a row that has
// not changed since encodes to the bytes of its chunk.
func TestLaterMembersAreRead(t *testing.T) {
	inDB := encoded(t, read(t, open(t, fixture(t, "2-like"))))
	reviewed := 0
	for _, chunk := range chunksOf(t, "2-like") {
		for key, row := range encoded(t, chunk) {
			if inDB[key] == row && bytes.Contains([]byte(row), []byte(`,"review_after":"`)) {
				reviewed++
			}
		}
	}
	if reviewed < 4 {
		t.Errorf("only %d rows with review_after are those of a chunk", reviewed)
	}

	path := fixture(t, "2-like")
	w := writer(t, path)
	execSQL(t, w, "ALTER TABLE user_prompts ADD COLUMN source_inbox_id TEXT")
	execSQL(t, w, "UPDATE user_prompts SET source_inbox_id = 'in-1' WHERE id = 1")
	rows := read(t, open(t, path))
	for _, s := range rows.Sessions {
		rows := engram.ChunkRows{Sessions: []engram.Session{s}, Prompts: rows.Prompts[:1]}
		if s.OwnershipMode != engram.ProjectOwned {
			continue
		}
		text := encode(t, rows)
		want := `{"sessions":[{"id":"` + s.ID + `","project":"` + s.Project + `","ownership_mode":"project_owned","directory":"` + s.Directory
		if !bytes.HasPrefix([]byte(text), []byte(want)) || !bytes.Contains([]byte(text), []byte(`"prompts":[{"source_inbox_id":"in-1","id":1,`)) {
			t.Errorf("got %s", text)
		}
	}
}

// From 2.0 on, engram's log stays after it has closed its database, with what was
// never written back in it. Source: engram-2.md 3.
func TestALogThatStaysIsRead(t *testing.T) {
	for _, withSHM := range []bool{true, false} {
		path, copies := fixture(t, "2-like"), temporary(t)
		w := writer(t, path)
		conn, err := w.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = conn.Raw(func(c any) error {
			_, err := c.(sqlite.FileControl).FileControlPersistWAL("main", 1)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.ExecContext(t.Context(), `UPDATE observations SET title = 'in the log' WHERE id = 1`); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if !withSHM {
			if err := os.Remove(path + "-shm"); err != nil {
				t.Fatal(err)
			}
		}
		before, log := names(t, filepath.Dir(path)), contents(t, path+"-wal")
		db := open(t, path)
		if rows := read(t, db); rows.Observations[0].Title != "in the log" {
			t.Errorf("-shm %v: %q", withSHM, rows.Observations[0].Title)
		}
		if got, err := db.Generation(t.Context()); got != engram.Gen2 || err != nil {
			t.Errorf("-shm %v: %v, %v", withSHM, got, err)
		}
		if after := names(t, filepath.Dir(path)); after != before || contents(t, path+"-wal") != log {
			t.Errorf("-shm %v: the directory was\n%sand is\n%s", withSHM, before, after)
		}
		if left := listing(t, copies); left != "" {
			t.Errorf("left behind: %s", left)
		}
	}
}

func TestTheFieldsDatabaseOf2x(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engram.db")
	copyFile(t, filepath.Join(fixtures.Case("12-ownership"), "data", "engram.db"), path)
	if got, err := open(t, path).Generation(t.Context()); got != engram.Gen2 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

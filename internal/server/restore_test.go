package server_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// undoQuota takes back what versions 6 to 9 of the schema added.
const undoQuota = "DROP TABLE sessions; DROP INDEX chunks_of_user; DROP TABLE invitations; ALTER TABLE users DROP COLUMN quota; ALTER TABLE users DROP COLUMN used; " +
	"DROP TABLE lineage; ALTER TABLE users DROP COLUMN seen_at; ALTER TABLE users DROP COLUMN seen_from; "

// good gives the bytes of a backup with a few chunks.
func good(t *testing.T) []byte {
	t.Helper()
	s := open(t, server.Options{})
	c := listen(t, s)
	for n := range 4 {
		_, body := chunk(1, n+40)
		c.post("/sync/push", body).want(t, 200, "")
	}
	text, err := os.ReadFile(backup(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestRestoreRefusesWhatIsNoGoodBackup(t *testing.T) {
	backup := good(t)
	holed := bytes.Clone(backup)
	copy(holed[len(holed)/2:], make([]byte, 8192))
	for _, tt := range []struct {
		name string
		make func(t *testing.T, dir string) // the file server.db
		is   error
		want string
	}{
		{"a missing file", func(*testing.T, string) {}, fs.ErrNotExist, ""},
		{"a directory", func(t *testing.T, dir string) { mkdir(t, dir, "server.db") }, server.ErrForeign, ""},
		{"an empty file", func(t *testing.T, dir string) { write(t, dir, "server.db", "") }, server.ErrForeign, ""},
		{"text", func(t *testing.T, dir string) { write(t, dir, "server.db", strings.Repeat("text", 2048)) }, server.ErrForeign, ""},
		{"somebody's database", func(t *testing.T, dir string) { execute(t, dir, "CREATE TABLE users (name)") }, server.ErrForeign, ""},
		{"half a backup", func(t *testing.T, dir string) { write(t, dir, "server.db", string(backup[:len(backup)/2])) }, server.ErrDamaged, ""},
		{"a hole in a backup", func(t *testing.T, dir string) { write(t, dir, "server.db", string(holed)) }, server.ErrDamaged, ""},
		{"a newer backup", func(t *testing.T, dir string) {
			write(t, dir, "server.db", string(backup))
			execute(t, dir, "PRAGMA user_version = 99")
		}, nil, "upgrade engram-sync"},
		{"the database of a server that runs", func(t *testing.T, dir string) {
			listen(t, open(t, server.Options{Dir: dir})).post("/sync/push", `{"chunk_id":"00000001"}`).want(t, 200, "")
		}, server.ErrInUse, ""},
		{"a link to the database of a server that runs", func(t *testing.T, dir string) {
			running := t.TempDir()
			listen(t, open(t, server.Options{Dir: running})).post("/sync/push", `{"chunk_id":"00000001"}`).want(t, 200, "")
			if err := os.Symlink(filepath.Join(running, "server.db"), filepath.Join(dir, "server.db")); err != nil {
				t.Fatal(err)
			}
		}, server.ErrInUse, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			from, to := t.TempDir(), t.TempDir()
			tt.make(t, from)
			err := server.Restore(t.Context(), filepath.Join(from, "server.db"), to)
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v", err)
			}
			wantOnly(t, to, "open.lock")
		})
	}
}

func mkdir(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
		t.Fatal(err)
	}
}

// A write-ahead log of another database would be played into the restored one.
func TestRestoreSparesAServerThatIsThere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "backup")
	if err := os.WriteFile(file, good(t), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"server.db", "server.db-wal", "server.db-shm", "server.db-journal"} {
		dir := t.TempDir()
		write(t, dir, name, "precious")
		if err := server.Restore(t.Context(), file, dir); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), name+": ") {
			t.Errorf("over %s: %v", name, err)
		}
		wantOnly(t, dir, "open.lock", name)
		if text, err := os.ReadFile(filepath.Join(dir, name)); string(text) != "precious" {
			t.Errorf("%s became %q (%v)", name, text, err)
		}
	}
}

func TestRestoreEndsWithItsContext(t *testing.T) {
	file := filepath.Join(t.TempDir(), "backup")
	if err := os.WriteFile(file, good(t), 0o600); err != nil {
		t.Fatal(err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if err := server.Restore(canceled, file, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "server.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a database is there: %v", err)
	}
}

func TestOpenLeavesForeignDatabasesAlone(t *testing.T) {
	for name, make := range map[string]string{
		"a table":             "CREATE TABLE memories (id)",
		"a version":           "PRAGMA user_version = 1",
		"somebody's mark":     "PRAGMA application_id = 7",
		"our names, unmarked": "CREATE TABLE users (a); CREATE TABLE api_keys (a); CREATE TABLE chunks (a); CREATE TABLE pieces (a); PRAGMA user_version = 2",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "server.db", "") // 0600, as ours
			execute(t, dir, make)
			before, err := os.ReadFile(filepath.Join(dir, "server.db"))
			if err != nil {
				t.Fatal(err)
			}
			_, err = server.Open(t.Context(), server.Options{Dir: dir})
			if !errors.Is(err, server.ErrForeign) || !strings.HasSuffix(err.Error(), "server.db: this is not a database of engram-sync serve") {
				t.Errorf("got %v", err)
			}
			after, err := os.ReadFile(filepath.Join(dir, "server.db"))
			if err != nil || !bytes.Equal(before, after) {
				t.Errorf("it was changed (%v)", err)
			}
		})
	}
}

// Databases of the first release have no mark, and their tokens have no tag.
func TestTheFirstSchemaIsBroughtUpToDate(t *testing.T) {
	dir := t.TempDir()
	s, err := server.Open(t.Context(), server.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	add(t, s, "alice")
	alice, key := listen(t, s).signIn("alice", "password-of-alice")
	listen(t, s).as(key).post("/sync/push", `{"chunk_id":"0cdb38de","data":`+fixtures.LaterChunk+`}`).want(t, 200, "")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	execute(t, dir, undoQuota+`DROP TABLE mutations; DROP TABLE mutation_pushes;
		ALTER TABLE users DROP COLUMN token_tag; ALTER TABLE chunks DROP COLUMN version; PRAGMA user_version = 1; PRAGMA application_id = 0`)
	forget(t, dir)

	old := t.TempDir()
	if err := server.Restore(t.Context(), filepath.Join(dir, "server.db"), old); err != nil {
		t.Errorf("as a backup: %v", err)
	}
	for range 2 {
		s := open(t, server.Options{Dir: dir})
		c := listen(t, s)
		c.as(alice.AccessToken).get("/sync/pull").want(t, 200, "")
		if r := c.as(key).get("/sync/pull"); !strings.Contains(r.body, `"version":2`) {
			t.Errorf("a chunk of 2.x is forgotten: %s", r.body)
		}
		c.as(key).get("/sync/mutations/pull").want(t, 200, "")
	}
	s = open(t, server.Options{Dir: dir})
	if err := s.SetPassword(t.Context(), "alice", "another password"); err != nil {
		t.Fatal(err)
	}
	listen(t, s).as(alice.AccessToken).get("/sync/pull").want(t, 401, badToken)
	var id, version int
	query(t, dir, "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version", &id, &version)
	if id != 0x456e6773 || version != 9 {
		t.Errorf("application id %#x, schema %d", id, version)
	}
}

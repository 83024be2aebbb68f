package server_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/testkit/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main{M: m}.Run() }

// forget takes away what is known of a database beside it, as it was with earlier schemas.
func forget(t *testing.T, dir string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, "server.lineage")); err != nil {
		t.Fatal(err)
	}
}

// started opens a server, does something to it, and closes it again.
func started(t *testing.T, opts server.Options, do func(*server.Server) error) error {
	t.Helper()
	s, err := server.Open(t.Context(), opts)
	if err != nil {
		return err
	}
	return errors.Join(do(s), s.Close())
}

func nothing(*server.Server) error { return nil }

// Another database, or an older one, in place of the one that the key belongs to is not served without a word.
func TestADatabaseThatIsNotTheOneBefore(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	at := func(dir, name string) string { return filepath.Join(dir, name) }
	read := func(path string) string {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	opens := func(want error) {
		t.Helper()
		if err := started(t, server.Options{Dir: dir}, nothing); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	opens(nil)
	first := read(at(dir, "server.db"))
	backup := at(t.TempDir(), "backup.db")
	if err := started(t, server.Options{Dir: dir}, func(s *server.Server) error { return s.Backup(t.Context(), backup) }); err != nil {
		t.Fatal(err)
	}
	last := read(at(dir, "server.db"))
	for _, older := range []string{first, read(backup)} {
		write(t, dir, "server.db", older)
		opens(server.ErrOlder)
		opens(server.ErrOlder)
	}
	if err := started(t, server.Options{Dir: other}, nothing); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "server.db", read(at(other, "server.db")))
	opens(server.ErrReplaced)
	write(t, dir, "server.db", last)
	opens(nil)

	// What is meant goes: an older one without the file, or by a restore; another one without file and key.
	write(t, dir, "server.db", first)
	forget(t, dir)
	opens(nil)
	if err := os.Remove(at(dir, "server.db")); err != nil {
		t.Fatal(err)
	}
	if err := server.Restore(t.Context(), backup, dir); err != nil {
		t.Fatal(err)
	}
	opens(nil)
	write(t, dir, "server.db", read(at(other, "server.db")))
	forget(t, dir)
	opens(server.ErrReplaced)
	if err := os.Remove(at(dir, "signing.key")); err != nil {
		t.Fatal(err)
	}
	opens(nil)
}

// On PostgreSQL a machine knows the database behind a URL again.
func TestAnEmptyDatabaseBehindTheSameURL(t *testing.T) {
	address, cache := pgtest.Database(t), t.TempDir()
	opens := func(dir string, want error) {
		t.Helper()
		if err := started(t, server.Options{Dir: dir, Database: address}, nothing); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	opens(cache, nil)
	opens(cache, nil)
	execute := func(statements string) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), address)
		if err == nil {
			_, err = conn.Exec(t.Context(), statements)
			err = errors.Join(err, conn.Close(t.Context()))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	execute("UPDATE lineage SET opened = 1")
	opens(cache, server.ErrOlder)
	opens(t.TempDir(), nil) // who knows nothing of it
	opens(cache, nil)
	execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
	opens(cache, server.ErrReplaced)
}

package postgres

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/engram-sync/engram-sync/internal/server/store"
	"github.com/engram-sync/engram-sync/internal/testkit/pgtest"
)

// Whoever is first makes the schema and the secrets; all others take them over.
func TestStoresThatOpenAtOnceAgree(t *testing.T) {
	address := pgtest.Database(t)
	if err := Exists(t.Context(), address); !errors.Is(err, store.ErrEmpty) {
		t.Errorf("an empty database: %v", err)
	}
	if n := tables(t, address); n != 0 {
		t.Errorf("who only looked has made %d tables", n)
	}
	secrets := make([]string, 6)
	var all sync.WaitGroup
	for i := range secrets {
		all.Go(func() {
			s, err := Open(t.Context(), address, time.Now)
			if err != nil {
				t.Error(err)
				return
			}
			secret, err := s.Secret(t.Context(), "name", []byte{byte(i)})
			if secrets[i] = string(secret); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, secret := range secrets {
		if secret != secrets[0] || secret == "" {
			t.Fatalf("the secrets are %q", secrets)
		}
	}
	if err := Exists(t.Context(), address); err != nil {
		t.Error(err)
	}
}

func TestDatabasesThatAreNotTaken(t *testing.T) {
	other := pgtest.Database(t)
	execute(t, other, "CREATE TABLE users (id int)")
	newer := database{t, pgtest.Database(t)}
	if err := newer.Open(time.Now).Close(); err != nil {
		t.Fatal(err)
	}
	execute(t, newer.address, "INSERT INTO "+versions+" (version_id, is_applied) VALUES (99, true)")
	for _, tt := range []struct {
		address, text string
		kind          error
	}{
		{other, "it has tables of something else", store.ErrForeign},
		{newer.address, "written by a newer release (schema 99, this one knows 4): upgrade engram-sync", nil},
		{pgtest.Named(t, other, "nothere"), "does not exist", store.ErrUnusable},
		{"postgres://%zz", "read the URL of the database", store.ErrUnusable},
		{"postgres://engram@/engram?host=/nowhere", "/nowhere", store.ErrUnavailable},
	} {
		_, err := Open(t.Context(), tt.address, time.Now)
		if err == nil || !strings.Contains(err.Error(), tt.text) || tt.kind != nil && !errors.Is(err, tt.kind) {
			t.Errorf("%s: got %v", tt.address, err)
		}
	}
	if n := tables(t, other); n != 1 {
		t.Errorf("somebody else's database has %d tables now", n)
	}
}

func tables(t *testing.T, address string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err == nil {
		err = errors.Join(conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&n), conn.Close(t.Context()))
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func execute(t *testing.T, address, statements string) {
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

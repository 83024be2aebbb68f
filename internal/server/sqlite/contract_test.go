package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/server/store"
	"github.com/engram-sync/engram-sync/internal/testkit/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Database {
		return file{t, filepath.Join(t.TempDir(), "server.db")}
	})
}

// file is a database for one test.
type file struct {
	t    testing.TB
	path string
}

// Open implements storetest.Database.
func (f file) Open(now func() time.Time) store.Store {
	f.t.Helper()
	s, err := Open(f.t.Context(), f.path, now)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.t.Error(err)
		}
	})
	return s
}

// Fill implements storetest.Database.
func (f file) Fill(st store.Store) (empty func()) {
	f.t.Helper()
	s, ok := st.(*Store)
	if !ok {
		f.t.Fatalf("a %T", st)
	}
	var pages int
	if err := s.write.QueryRowContext(f.t.Context(), "PRAGMA page_count").Scan(&pages); err != nil {
		f.t.Fatal(err)
	}
	// It holds for the one connection that writes.
	limit := func(pages int) {
		if _, err := s.write.ExecContext(f.t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			f.t.Fatal(err)
		}
	}
	limit(pages)
	return func() { limit(1 << 30) }
}

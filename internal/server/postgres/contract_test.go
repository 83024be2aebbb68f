package postgres

import (
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/server/store"
	"github.com/engram-sync/engram-sync/internal/testkit/pgtest"
	"github.com/engram-sync/engram-sync/internal/testkit/storetest"
)

func TestMain(m *testing.M) { pgtest.Main{M: m}.Run() }

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Database {
		return database{t, pgtest.Database(t)}
	})
}

// database is one for one test.
type database struct {
	t       *testing.T
	address string
}

// Open implements storetest.Database.
func (d database) Open(now func() time.Time) store.Store {
	d.t.Helper()
	s, err := Open(d.t.Context(), d.address, now)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			d.t.Error(err)
		}
	})
	return s
}

// Fill implements storetest.Database. A disk cannot be filled here: the server answers
// as it does when one is.
func (d database) Fill(store.Store) (empty func()) {
	d.t.Helper()
	execute(d.t, d.address, `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
		CREATE TRIGGER full_disk BEFORE INSERT ON pieces EXECUTE FUNCTION full_disk();
		CREATE TRIGGER full_disk BEFORE INSERT ON mutations EXECUTE FUNCTION full_disk();`)
	return func() { execute(d.t, d.address, "DROP FUNCTION full_disk CASCADE") }
}

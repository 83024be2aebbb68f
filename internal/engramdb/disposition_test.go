package engramdb_test

import (
	"testing"

	"github.com/engram-sync/engram-sync/internal/engramdb"
)

// From 2.x on rows have a disposition, and those of sessions can go: the journal is known
// by the first row that stays.
func TestTheJournalOf2x(t *testing.T) {
	path := fixture(t, "2-like")
	db := open(t, path)
	if replaces, err := db.Replaces(t.Context()); !replaces || err != nil {
		t.Fatal(replaces, err)
	}
	rows, err := db.Journal(t.Context(), 0, 4, true)
	if err != nil || rows[1].Disposition != engramdb.Pending || rows[2].Disposition != "quarantined" {
		t.Fatalf("%+v, %v", rows, err)
	}
	w := writer(t, path)
	for _, gone := range []string{"DELETE FROM sync_mutations WHERE seq = 1", "DELETE FROM sync_mutations WHERE entity = 'session'"} {
		if first, ok, err := db.JournalStart(t.Context()); first.Seq != 2 || !ok || err != nil {
			t.Errorf("it starts with %d, %v, %v", first.Seq, ok, err)
		}
		execSQL(t, w, gone)
	}
	execSQL(t, w, "DELETE FROM sync_mutations WHERE seq <> 3")
	execSQL(t, w, "UPDATE sync_mutations SET entity = 'session'")
	if first, ok, err := db.JournalStart(t.Context()); first.Seq != 3 || !ok || err != nil {
		t.Errorf("with sessions alone it starts with %d, %v, %v", first.Seq, ok, err)
	}
	old := open(t, fixture(t, "1.20"))
	if replaces, err := old.Replaces(t.Context()); replaces || err != nil {
		t.Errorf("1.20: %v, %v", replaces, err)
	}
	if first, _, err := old.JournalStart(t.Context()); first.Seq != 1 || first.Disposition != engramdb.Pending || err != nil {
		t.Errorf("1.20 starts with %+v, %v", first, err)
	}
}

package engramdb_test

import (
	"errors"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/engramdb"
)

// What would take all of the memory is not read.
func TestAValueIsBounded(t *testing.T) {
	path := fixture(t, "1.16.1")
	w := writer(t, path)
	execSQL(t, w, "UPDATE observations SET content = printf('%.*c', 100000, 'x') WHERE id = (SELECT max(id) FROM observations)")
	db, err := engramdb.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	read := func() error {
		return db.Snapshot(t.Context(), func(s *engramdb.Snapshot) error {
			return s.Observations(t.Context(), func(engram.Observation) error { return nil })
		})
	}
	if err := read(); err != nil {
		t.Error(err)
	}
	db.LimitRows(64 << 10)
	if err := read(); !errors.Is(err, engramdb.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

// A view can have rows without an end, and is none of engram's tables.
func TestAViewIsNoTable(t *testing.T) {
	path := fixture(t, "1.16.1")
	w := writer(t, path)
	execSQL(t, w, `DROP TABLE sync_mutations`)
	execSQL(t, w, `CREATE VIEW sync_mutations AS WITH RECURSIVE c(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM c)
		SELECT seq, 'prompt' AS entity, 'k' AS entity_key, 'delete' AS op, '{}' AS payload, '' AS project, '' AS occurred_at, NULL AS acked_at, 'cloud' AS target_key FROM c`)
	db, err := engramdb.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	var schema *engramdb.SchemaError
	if _, err := db.Journal(t.Context(), 0, 10, true); !errors.As(err, &schema) || schema.Table != "sync_mutations" {
		t.Errorf("got %v", err)
	}
	err = db.Snapshot(t.Context(), func(s *engramdb.Snapshot) error {
		return s.Deletions(t.Context(), func(engram.Deletion) error { return nil })
	})
	if err != nil {
		t.Error(err)
	}
}

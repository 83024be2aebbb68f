package engramdb_test

import (
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/engramdb"
)

// large is a database with 10,000 memories of 1.5 kB and their journal.
func large(b *testing.B) (path string) {
	b.Helper()
	path = fixture(b, "1.16.1")
	w := writer(b, path)
	execSQL(b, w, `WITH RECURSIVE n(i) AS (SELECT 8 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
		INSERT INTO observations (sync_id, session_id, type, title, content, project)
		SELECT 'obs-' || lower(hex(randomblob(8))), 's-b-1', 'decision', 'Title ' || i, ?, 'repo' FROM n`, strings.Repeat("memory ", 215))
	execSQL(b, w, `INSERT INTO sync_mutations (target_key, entity, entity_key, op, payload)
		SELECT 'cloud', 'observation', sync_id, 'upsert', json_object('sync_id', sync_id, 'content', content) FROM observations`)
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

func BenchmarkSnapshot10000(b *testing.B) {
	path := large(b)
	db := open(b, path)
	run := func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n := 0
			err := db.Snapshot(b.Context(), func(s *engramdb.Snapshot) error {
				return s.Observations(b.Context(), func(engram.Observation) error { n++; return nil })
			})
			if err != nil || n != 10000 {
				b.Fatal(n, err)
			}
		}
	}
	b.Run("closed", run) // by way of a copy
	execSQL(b, writer(b, path), "UPDATE observations SET title = 'x' WHERE id = 1")
	b.Run("open", run)
}

func BenchmarkVersion(b *testing.B) {
	db := open(b, large(b))
	for b.Loop() {
		if _, err := db.Version(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJournalPage(b *testing.B) {
	db := open(b, large(b))
	for b.Loop() {
		if page, err := db.Journal(b.Context(), 5000, 100, false); err != nil || len(page) != 100 {
			b.Fatal(len(page), err)
		}
	}
}

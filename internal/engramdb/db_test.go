package engramdb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/engramdb"
	"github.com/engram-sync/engram-sync/internal/testkit/filekit"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

func TestBothReleasesMemories(t *testing.T) {
	for _, release := range fixtures.Releases {
		rows := read(t, open(t, fixture(t, release)))
		if len(rows.Sessions) != 3 || len(rows.Observations) != 7 || len(rows.Prompts) != 3 {
			t.Fatalf("%s: %d sessions, %d memories, %d prompts", release, len(rows.Sessions), len(rows.Observations), len(rows.Prompts))
		}
		deleted := 0
		for i, o := range rows.Observations {
			if o.ID != int64(i+1) || o.SyncID == "" || o.SessionID == "" || o.Title == "" || o.RevisionCount < 1 || len(o.UpdatedAt) != 19 {
				t.Errorf("%s: %+v", release, o)
			}
			if o.DeletedAt != nil {
				deleted++
			}
		}
		if deleted != 1 {
			t.Errorf("%s: %d deleted memories, want 1", release, deleted)
		}
		if s := rows.Sessions[0]; s.Project != "repo" || s.EndedAt == nil || s.Summary == nil {
			t.Errorf("%s: %+v", release, s)
		}
	}
}

// engram wrote the fixtures' chunks from these rows: those that it has not changed
// since must encode to its very bytes.
func TestRowsAreThoseOfEngramsChunks(t *testing.T) {
	for _, release := range fixtures.Releases {
		inDB := encoded(t, read(t, open(t, fixture(t, release))))
		same := 0
		for _, chunk := range chunksOf(t, release) {
			for key, row := range encoded(t, chunk) {
				switch inDB[key] {
				case row:
					same++
				case "": // changed since
				default:
					t.Errorf("%s: in the database\n%s\nin a chunk\n%s", release, inDB[key], row)
				}
			}
		}
		if same < 6 { // three prompts, and the newest chunk's memories
			t.Errorf("%s: only %d rows are those of a chunk", release, same)
		}
	}
}

// encoded gives memories and prompts in engram's encoding, by identity and state.
func encoded(t *testing.T, rows engram.ChunkRows) map[string]string {
	t.Helper()
	byState := map[string]string{}
	for _, o := range rows.Observations {
		key := fmt.Sprint(o.SyncID, o.UpdatedAt, o.RevisionCount, o.DuplicateCount, o.DeletedAt != nil)
		byState[key] = encode(t, engram.ChunkRows{Observations: []engram.Observation{o}})
	}
	for _, p := range rows.Prompts {
		byState[p.SyncID] = encode(t, engram.ChunkRows{Prompts: []engram.Prompt{p}})
	}
	return byState
}

func TestTheJournalComesByteForByte(t *testing.T) {
	for _, release := range fixtures.Releases {
		path := fixture(t, release)
		got, err := open(t, path).Journal(t.Context(), 0, 100, false)
		if err != nil || len(got) != 25 {
			t.Fatalf("%s: %d rows, %v", release, len(got), err)
		}
		rows, err := writer(t, path).QueryContext(t.Context(), "SELECT seq, entity, entity_key, op, CAST(payload AS BLOB), project, occurred_at FROM sync_mutations ORDER BY seq")
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; rows.Next(); i++ {
			want := engramdb.Mutation{Disposition: engramdb.Pending}
			if err := rows.Scan(&want.Seq, &want.Entity, &want.EntityKey, &want.Op, &want.Payload, &want.Project, &want.OccurredAt); err != nil {
				t.Fatal(err)
			}
			if fmt.Sprintf("%+v", got[i]) != fmt.Sprintf("%+v", want) {
				t.Errorf("%s:\n got %+v\nwant %+v", release, got[i], want)
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheJournalInPages(t *testing.T) {
	path := fixture(t, "1.16.1")
	w := writer(t, path)
	execSQL(t, w, "UPDATE sync_mutations SET acked_at = datetime('now') WHERE seq IN (1, 3, 4, 25)")
	execSQL(t, w, "INSERT INTO sync_state (target_key) VALUES ('elsewhere')")
	execSQL(t, w, "INSERT INTO sync_mutations (target_key, entity, entity_key, op, payload) VALUES ('elsewhere', 'session', 's', 'upsert', '{}')")
	db := open(t, path)
	for _, tc := range []struct {
		after  int64
		limit  int
		acked  bool
		expect string
	}{
		{0, 3, false, "[2 5 6]"},
		{0, 3, true, "[1 2 3]"},
		{6, 2, false, "[7 8]"},
		{23, 9, false, "[24]"},
		{23, 9, true, "[24 25]"},
		{25, 9, true, "[]"},
		{0, 0, true, "[]"},
		{0, -1, true, "[]"},
	} {
		page, err := db.Journal(t.Context(), tc.after, tc.limit, tc.acked)
		var seqs []int64
		for _, m := range page {
			seqs = append(seqs, m.Seq)
			if acked := m.Seq == 1 || m.Seq == 3 || m.Seq == 4 || m.Seq == 25; m.Acked != acked {
				t.Errorf("seq %d: acked %v", m.Seq, m.Acked)
			}
		}
		if err != nil || fmt.Sprint(seqs) != tc.expect {
			t.Errorf("after %d, %d rows, acked %v: got %v, %v; want %s", tc.after, tc.limit, tc.acked, seqs, err, tc.expect)
		}
	}
	first, ok, err := db.JournalStart(t.Context())
	if err != nil || !ok || first.Seq != 1 || !first.Acked || first.EntityKey != "s-b-1" {
		t.Errorf("first row: %+v, %v, %v", first, ok, err)
	}
	row, ok, err := db.JournalRow(t.Context(), 24)
	if err != nil || !ok || row.Seq != 24 || row.EntityKey != "s-b-3" {
		t.Errorf("row 24: %+v, %v, %v", row, ok, err)
	}
	for _, seq := range []int64{0, 26, 27} {
		if row, ok, err := db.JournalRow(t.Context(), seq); ok || err != nil {
			t.Errorf("row %d: %+v, %v", seq, row, err)
		}
	}
	execSQL(t, w, "DELETE FROM sync_mutations")
	if row, ok, err := db.JournalStart(t.Context()); ok || err != nil {
		t.Errorf("first row of an empty journal: %+v, %v", row, err)
	}
}

func TestAPageEndsWhereItGrowsLarge(t *testing.T) {
	path := fixture(t, "1.9.4")
	w := writer(t, path)
	execSQL(t, w, "DELETE FROM sync_mutations")
	for range 4 {
		execSQL(t, w, "INSERT INTO sync_mutations (target_key, entity, entity_key, op, payload) VALUES ('cloud', 'observation', 'o', 'upsert', ?)",
			bytes.Repeat([]byte{'x'}, 5<<20))
	}
	db := open(t, path)
	var after int64
	for i, want := range []int{2, 2, 0} {
		page, err := db.Journal(t.Context(), after, 100, false)
		if err != nil || len(page) != want {
			t.Fatalf("page %d: %d rows, %v", i, len(page), err)
		}
		if want > 0 {
			after = page[want-1].Seq
		}
	}
}

func TestASnapshotIsOneMoment(t *testing.T) {
	path := fixture(t, "1.16.1")
	db, w := open(t, path), writer(t, path)
	execSQL(t, w, addMemory, "before")
	err := db.Snapshot(t.Context(), func(s *engramdb.Snapshot) error {
		execSQL(t, w, addMemory, "meanwhile")
		execSQL(t, w, "DELETE FROM user_prompts")
		// Asking for more within a Snapshot neither waits for it nor disturbs it.
		if _, err := db.Version(t.Context()); err != nil {
			return err
		}
		if page, err := db.Journal(t.Context(), 0, 100, false); err != nil || len(page) != 25 {
			return fmt.Errorf("%d rows: %w", len(page), err)
		}
		rows, err := rowsOf(t, s)
		if len(rows.Observations) != 8 || len(rows.Prompts) != 3 {
			t.Errorf("%d memories, %d prompts", len(rows.Observations), len(rows.Prompts))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if rows := read(t, db); len(rows.Observations) != 9 || len(rows.Prompts) != 0 {
		t.Errorf("afterwards: %d memories, %d prompts", len(rows.Observations), len(rows.Prompts))
	}
}

func TestErrorsOfTheCallerComeBack(t *testing.T) {
	enough := errors.New("enough")
	db := open(t, fixture(t, "1.9.4"))
	seen := 0
	err := db.Snapshot(t.Context(), func(s *engramdb.Snapshot) error {
		return s.Observations(t.Context(), func(engram.Observation) error { seen++; return enough })
	})
	if err != enough || seen != 1 { //nolint:errorlint // the very same error was promised
		t.Errorf("%v after %d rows", err, seen)
	}
}

func TestACanceledContextEndsReading(t *testing.T) {
	path := fixture(t, "1.9.4")
	db := open(t, path)
	for _, state := range []string{"closed", "open"} {
		if state == "open" {
			execSQL(t, writer(t, path), addMemory, "x")
		}
		ctx, cancel := context.WithCancel(t.Context())
		err := db.Snapshot(ctx, func(s *engramdb.Snapshot) error {
			return s.Observations(ctx, func(engram.Observation) error { cancel(); return nil })
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: within a Snapshot: %v", state, err)
		}
		if err := db.Snapshot(ctx, func(*engramdb.Snapshot) error { t.Error("called"); return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Snapshot: %v", state, err)
		}
		if _, err := db.Journal(ctx, 0, 1, true); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Journal: %v", state, err)
		}
		if _, err := db.Version(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Version: %v", state, err)
		}
		if _, err := engramdb.Open(ctx, path); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Open: %v", state, err)
		}
	}
}

func TestALinkLeadsToTheDatabaseAndItsLog(t *testing.T) {
	path := fixture(t, "1.16.1")
	execSQL(t, writer(t, path), addMemory, "in the log")
	link := filepath.Join(t.TempDir(), "memories?#%.db") // none of which a URI may misread
	if runtime.GOOS == "windows" {
		link = filepath.Join(filepath.Dir(link), "memories#%.db") // no name has a question mark there
	}
	filekit.Symlink(t, path, link)
	db := open(t, link)
	if got := len(read(t, db).Observations); got != 8 || db.Path() != link {
		t.Errorf("%d memories at %s", got, db.Path())
	}
}

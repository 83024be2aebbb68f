package engramdb_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/engramdb"
)

// deletions are what a database still knows of rows that it has no more.
func deletions(t testing.TB, path string) (list []string) {
	t.Helper()
	err := open(t, path).Snapshot(t.Context(), func(s *engramdb.Snapshot) error {
		return s.Deletions(t.Context(), func(d engram.Deletion) error {
			list = append(list, fmt.Sprintf("%s %s of %q in %q at %s", d.Kind.Entity(), d.Key, d.Session, d.Project, d.At))
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// A row is known to be deleted by a tombstone of 2.x, one of a prompt, or the journal;
// one that is there is not deleted, whatever they say.
func TestDeletionsOfRealDatabases(t *testing.T) {
	for release, want := range map[string][]string{
		"1.20": {
			`observation obs-2481899c5f8114eb of "tw-0404-eve" in "tidewatch" at 2026-11-28 14:05:03`,
			`prompt prompt-cfe4320d103fe966 of "tw-0401-morning" in "tidewatch" at 2026-11-28 14:05:03`,
		},
		"2-like": {
			`observation obs-2481899c5f8114eb of "tw-0404-eve" in "tidewatch" at 2026-11-28 14:05:05.000000001`,
			`observation obs-a8f13eefdfd347c1 of "tw-0402-noon" in "tidewatch" at 2026-11-28 14:05:15.400000000`,
			`prompt prompt-a2c0ffee0011aa01 of "manual-save-tidewatch" in "tidewatch" at 2026-11-28 14:05:16.000000009`,
			`prompt prompt-cfe4320d103fe966 of "tw-0401-morning" in "tidewatch" at 2026-11-28 14:05:03`,
		},
	} {
		if diff := cmp.Diff(want, deletions(t, fixture(t, release))); diff != "" {
			t.Errorf("%s: %s", release, diff)
		}
	}
}

const (
	looseTombstones  = `CREATE TABLE sync_delete_tombstones (entity, entity_key, project, deleted_at, active)`
	loosePromptsGone = `CREATE TABLE prompt_tombstones (sync_id, session_id, project, deleted_at)`
)

func TestWhoKnowsOfADeletion(t *testing.T) {
	rows := `INSERT INTO observations (id, sync_id) VALUES (1, 'obs-there'); INSERT INTO sessions (id) VALUES ('s-there'); INSERT INTO user_prompts (id, sync_id) VALUES (1, 'p-there')`
	tables := []string{looseSessions, looseObservations, loosePrompts, rows}
	journal := func(values string) string {
		return `INSERT INTO sync_mutations (target_key, entity, entity_key, op, payload, occurred_at) VALUES ` + values
	}
	for _, tt := range []struct {
		story string
		more  []string
		want  []string
	}{
		{"nobody", nil, nil},
		{"the journal, of what is not there", []string{looseJournal, journal(`('cloud', 'observation', 'obs-1', 'delete', '{', 'T1'), ('cloud', 'observation', 'obs-there', 'delete', '{}', 'T1'),
			('cloud', 'observation', 'obs-2', 'upsert', '{}', 'T1'), ('cloud', 'relation', 'rel-1', 'delete', '{}', 'T1')`)},
			[]string{`observation obs-1 of "" in "" at T1`}},
		{"the journal twice", []string{looseJournal, journal(`('cloud', 'observation', 'obs-1', 'delete', '{"deleted_at":"T1"}', 'T9'),
			('cloud', 'observation', 'obs-1', 'delete', '{"deleted_at":"T2","session_id":"s","project":"p"}', 'T9')`)},
			[]string{`observation obs-1 of "s" in "p" at T2`}},
		{"a tombstone before the journal", []string{looseTombstones, looseJournal, journal(`('cloud', 'session', 's-1', 'delete', '{}', 'T9')`),
			`INSERT INTO sync_delete_tombstones VALUES ('session', 's-1', 'p', 'T1', 1), ('session', 's-there', 'p', 'T1', 1), (NULL, NULL, NULL, NULL, 1)`},
			[]string{`session s-1 of "" in "p" at T1`}},
		{"a tombstone that is no longer true", []string{looseTombstones, loosePromptsGone, `INSERT INTO prompt_tombstones VALUES ('p-1', 's', 'p', 'T1')`,
			`INSERT INTO sync_delete_tombstones VALUES ('prompt', 'p-1', 'p', 'T1', 0)`}, nil},
		{"prompts alone", []string{loosePromptsGone, `INSERT INTO prompt_tombstones VALUES ('p-1', NULL, NULL, 'T1'), ('p-there', 's', 'p', 'T1')`},
			[]string{`prompt p-1 of "" in "" at T1`}},
		{"a table that lacks what has to be known", []string{strings.Replace(looseTombstones, ", active", "", 1),
			`INSERT INTO sync_delete_tombstones VALUES ('session', 's-1', 'p', 'T1')`}, nil},
	} {
		if diff := cmp.Diff(tt.want, deletions(t, handMade(t, append(slices.Clone(tables), tt.more...)...))); diff != "" {
			t.Errorf("%s: %s", tt.story, diff)
		}
	}
}

func relationsOf(t testing.TB, path string) (list []engram.Relation) {
	t.Helper()
	err := open(t, path).Snapshot(t.Context(), func(s *engramdb.Snapshot) error {
		return s.Relations(t.Context(), func(r engram.Relation) error { list = append(list, r); return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestRelationsAreRead(t *testing.T) {
	found := relationsOf(t, fixture(t, "1.20"))
	if len(found) != 9 {
		t.Fatalf("%d relations", len(found))
	}
	text := func(s string) *string { return &s }
	confidence := 0.9
	want := engram.Relation{SyncID: "rel-8834965859e6d208", SourceID: "obs-225da5330166a034", TargetID: "obs-a8f13eefdfd347c1", Relation: "related",
		Reason: text("five retries because of fog"), Evidence: text("measured in <fog> & rain"), Confidence: &confidence, Judgment: "judged",
		Actor: text("agent"), ActorKind: text("agent"), SessionID: text("tw-0402-noon"), CreatedAt: "2026-11-28 14:04:52", UpdatedAt: "2026-11-28 14:04:52"}
	if at := slices.IndexFunc(found, func(r engram.Relation) bool { return r.SyncID == want.SyncID }); at < 0 {
		t.Errorf("got %+v", found)
	} else if diff := cmp.Diff(want, found[at]); diff != "" {
		t.Error(diff)
	}
	if found := relationsOf(t, fixture(t, "1.9.4")); len(found) > 0 {
		t.Errorf("1.9.4 has none, got %+v", found)
	}
}

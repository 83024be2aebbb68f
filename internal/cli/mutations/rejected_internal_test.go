package mutations

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/journal/source"
	"github.com/engram-sync/engram-sync/internal/state"
)

// What earlier releases noted only in the file of rejects stands as well, if that is
// about this source.
func TestRejectsOfEarlierReleasesCount(t *testing.T) {
	const bad = `{"entity":"session","entity_key":"s","op":"upsert","payload":{"id":"s","directory":""}}`
	path := filepath.Join(t.TempDir(), "changes.jsonl")
	if err := os.WriteFile(path, []byte(bad+"\n"+bad+"\n"+bad+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := source.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	kept, err := state.OpenAccount(state.In(t.TempDir()), "http://127.0.0.1", "project repo")
	if err != nil {
		t.Fatal(err)
	}
	entry, err := engram.ParseMutation([]byte(bad))
	if err != nil {
		t.Fatal(err)
	}
	named := filepath.Join(t.TempDir(), "rejects.jsonl")
	for name, tc := range map[string]struct {
		job  journal.Job
		want journal.Positions
	}{
		"an old job":         {journal.Job{Position: 2}, journal.Positions{{1, 2}}},
		"one that counts":    {journal.Job{Position: 2, Counted: true}, nil},
		"one that rejected":  {journal.Job{Position: 2, Rejected: journal.Positions{{2, 2}}}, journal.Positions{{2, 2}}},
		"one that holds one": {journal.Job{Position: 2, Deferred: journal.Positions{{1, 1}}}, journal.Positions{{2, 2}}},
	} {
		place := kept.NewJobFile([32]byte{1})
		entry.Project = "repo"
		other := entry
		other.Payload = []byte(`{"id":"s","directory":"/other"}`)
		refused := errors.New("refused")
		own, theirs := state.NewRejects(place.RejectsPath()), state.NewRejects(named)
		if err := errors.Join(own.AddLine(1, entry, refused), own.AddLine(3, entry, refused), own.Close(),
			theirs.AddLine(2, entry, refused), theirs.AddLine(1, other, refused), theirs.Close()); err != nil {
			t.Fatal(err)
		}
		job := tc.job
		job.Store = place
		m := &push{rejects: named}
		if err := m.countRejects(t.Context(), source.ForProject(file, "repo", source.Options{}), &job); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, job.Rejected); diff != "" || !job.Counted {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

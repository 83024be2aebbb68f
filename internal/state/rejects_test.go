package state_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/state"
)

var (
	errRefused = errors.New("22P05 <reason>")
	bad        = engram.MutationEntry{Entity: "observation", EntityKey: "o", Op: "upsert", Payload: []byte(`{"a": "\u0000<"}`), Project: "demo"}
)

const (
	badLine = `{"line":7,"reason":"22P05 <reason>","mutation":{"entity":"observation","entity_key":"o","op":"upsert","payload":{"a":"\u0000<"},"project":"demo"}}` + "\n"
	noJSON  = `{"seq":8,"reason":"22P05 <reason>","mutation":{"entity":"observation","entity_key":"o","op":"upsert","payload":"{\"torn","project":"demo"}}` + "\n"
)

// A row that comes again after a crash is not put down again.
func TestRejectsAreThereOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rejects.jsonl")
	for range 2 {
		r := state.NewRejects(path)
		torn := bad
		torn.Payload = []byte(`{"torn`)
		for range 2 {
			if err := errors.Join(r.AddLine(7, bad, errRefused), r.AddSeq(8, torn, errRefused)); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		wantFile(t, path, badLine+noJSON)
	}
}

func TestNothingRejectedMakesNoFile(t *testing.T) {
	r := state.NewRejects(filepath.Join(t.TempDir(), "rejects.jsonl"))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(r.Path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is there (%v)", err)
	}
}

// A kill in the middle of a line leaves a beginning, which is replaced. What
// others wrote is left alone.
func TestTornRejects(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rejects.jsonl")
	for _, torn := range []string{"{", badLine[:len(badLine)-3], badLine[:20]} {
		if err := os.WriteFile(path, []byte("theirs\n"+torn), 0o600); err != nil {
			t.Fatal(err)
		}
		r := state.NewRejects(path)
		if err := errors.Join(r.AddLine(7, bad, errRefused), r.Close()); err != nil {
			t.Fatal(err)
		}
		wantFile(t, path, "theirs\n"+badLine)
	}
	for _, theirs := range []string{"no line break", `{"seq":7,"user_id":"u"}`, `{"seq":7,"user`, `{"line":"`} {
		if err := os.WriteFile(path, []byte(theirs), 0o600); err != nil {
			t.Fatal(err)
		}
		r := state.NewRejects(path)
		if err := r.AddLine(7, bad, errRefused); err == nil || !strings.Contains(err.Error(), "line break") {
			t.Errorf("error %v", err)
		}
		wantFile(t, path, theirs)
	}
}

func TestPushJobsOfOneGroup(t *testing.T) {
	j := journalOf(t, t.TempDir(), "user 1")
	group, other := [32]byte{1}, [32]byte{2}
	for _, g := range [][32]byte{group, group, other} {
		if err := j.NewJobFile(g).Write(map[string]int{"schema": 1, "position": 5}); err != nil {
			t.Fatal(err)
		}
	}
	rejects := state.NewRejects(j.NewJobFile(group).RejectsPath())
	if err := errors.Join(rejects.AddLine(7, bad, errRefused), rejects.Close()); err != nil {
		t.Fatal(err)
	}
	jobs, err := j.JobFiles(group)
	if err != nil || len(jobs) != 2 {
		t.Fatalf("%d jobs (%v), want 2", len(jobs), err)
	}
	got := map[string]int{}
	if err := jobs[0].Read(&got, 1); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"schema": 1, "position": 5}, got); diff != "" {
		t.Error(diff)
	}
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

// A path is no pattern: nothing is forgotten below a directory with brackets.
func TestPushJobsBelowBrackets(t *testing.T) {
	j := journalOf(t, filepath.Join(t.TempDir(), "[work]"), "user 1")
	if err := j.NewJobFile([32]byte{1}).Write(map[string]int{"schema": 1, "position": 5}); err != nil {
		t.Fatal(err)
	}
	if jobs, err := j.JobFiles([32]byte{1}); err != nil || len(jobs) != 1 {
		t.Errorf("%d jobs (%v), want 1", len(jobs), err)
	}
}

// What was pushed before is known or it is an error, which says what to do.
func TestDamagedPushJob(t *testing.T) {
	j := journalOf(t, t.TempDir(), "user 1")
	job := j.NewJobFile([32]byte{1})
	for name, content := range map[string]any{"newer": map[string]int{"schema": 2}, "no schema": map[string]int{}, "no object": "text", "null": nil} {
		if err := job.Write(content); err != nil {
			t.Fatal(err)
		}
		var damaged *state.JobError
		var got map[string]int
		if err := job.Read(&got, 1); !errors.As(err, &damaged) || !strings.Contains(err.Error(), "--reconcile") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

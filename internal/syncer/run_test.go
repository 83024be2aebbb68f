package syncer_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
)

var both = syncer.Options{Pull: true, Push: true, Concurrency: 4}

// TestSync has chunks on either side, some of them on both.
func TestSync(t *testing.T) {
	here, there := newSide(), newSide()
	for n := range 30 {
		if n%3 != 1 {
			here.add(numbered(n))
		}
		if n%3 != 0 {
			there.add(numbered(n))
		}
	}
	diff := look(t, here, there, nil)
	if here.reads != 1 || there.reads != 1 {
		t.Errorf("looking took %d and %d readings of the manifests, want 1 each", here.reads, there.reads)
	}
	planned, _ := syncer.Plan(diff, both)
	result := syncer.Run(t.Context(), diff, both)

	var plan []string
	for _, item := range planned {
		plan = append(plan, item.ID().String())
	}
	// the order is that of the manifests, pulls first, however the workers ran
	if diff := cmp.Diff(plan, movedIDs(result)); diff != "" {
		t.Errorf("the result has another order than the plan (-plan +result):\n%s", diff)
	}
	if len(result.Moved) != 20 || len(result.Present) != 10 || len(result.Failed) != 0 {
		t.Errorf("%d moved, %d present, failed %q", len(result.Moved), len(result.Present), failedIDs(result))
	}
	if diff := cmp.Diff(here.content, there.content, cmp.Comparer(func(a, b engram.ChunkID) bool { return a == b })); diff != "" {
		t.Errorf("the sides differ afterwards (-here +there):\n%s", diff)
	}
	if again := look(t, here, there, nil); !again.Clean() {
		t.Error("a second look finds something to do")
	}
}

// TestNothingToDo must not cost anything beyond the look.
func TestNothingToDo(t *testing.T) {
	here, there := newSide(), newSide()
	here.add(numbered(1))
	there.add(numbered(1))
	syncer.Run(t.Context(), look(t, here, there, nil), both)
	if there.reads != 1 || len(there.tried) != 0 {
		t.Errorf("%d readings of the manifest and %d of chunks, want 1 and 0", there.reads, len(there.tried))
	}
}

// TestOneBadItem lets one item of several fail, in each way.
func TestOneBadItem(t *testing.T) {
	broken := errors.New("broken")
	for name, fail := range map[string]func(engram.ChunkID) error{
		"error": func(engram.ChunkID) error { return broken },
		"panic": func(engram.ChunkID) error { panic("a bug") },
	} {
		t.Run(name, func(t *testing.T) {
			here, there := newSide(), newSide()
			for n := range 5 {
				there.add(numbered(n))
			}
			bad := idOf(numbered(2))
			there.fail = func(id engram.ChunkID) error {
				if id == bad {
					return fail(id)
				}
				return nil
			}
			result := syncer.Run(t.Context(), look(t, here, there, nil), both)
			if diff := cmp.Diff([]string{bad.String()}, failedIDs(result)); diff != "" {
				t.Errorf("failed (-want +got):\n%s", diff)
			}
			if len(result.Moved) != 4 || len(here.entries) != 4 {
				t.Errorf("%d moved and %d entries, want 4", len(result.Moved), len(here.entries))
			}
		})
	}
}

// TestFatal stops at an error that every other item would meet as well.
func TestFatal(t *testing.T) {
	here, there := newSide(), newSide()
	for n := range 6 {
		there.add(numbered(n))
	}
	full := errors.New("disk full")
	tries := 0
	there.fail = func(engram.ChunkID) error {
		if tries++; tries == 3 {
			return full
		}
		return nil
	}
	opts := syncer.Options{Pull: true, Concurrency: 1, Fatal: func(err error) bool { return errors.Is(err, full) }}
	result := syncer.Run(t.Context(), look(t, here, there, nil), opts)
	if len(result.Moved) != 2 || len(result.Failed) != 4 || len(there.tried) != 3 {
		t.Fatalf("%d moved, %d failed, %d tried", len(result.Moved), len(result.Failed), len(there.tried))
	}
	for i, f := range result.Failed {
		if !errors.Is(f.Err, full) || errors.Is(f.Err, syncer.ErrNotTried) != (i > 0) {
			t.Errorf("failure %d: %v", i, f.Err)
		}
	}
	if len(here.entries) != 2 {
		t.Errorf("%d entries, want those of the 2 chunks that came", len(here.entries))
	}
}

// TestInterrupted keeps what was moved before the context ended.
func TestInterrupted(t *testing.T) {
	stop := errors.New("ctrl-c")
	for _, way := range []syncer.Options{{Pull: true, Concurrency: 1}, {Push: true, Concurrency: 1}} {
		here, there := newSide(), newSide()
		from := there
		if way.Push {
			from = here
		}
		for n := range 5 {
			from.add(numbered(n))
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		tries := 0
		there.fail = func(engram.ChunkID) error {
			if tries++; tries == 2 {
				cancel(stop)
			}
			return nil
		}
		result := syncer.Run(ctx, look(t, here, there, nil), way)
		if len(result.Moved) != 2 || len(result.Failed) != 3 {
			t.Errorf("pull %t: %d moved, %d failed, want 2 and 3", way.Pull, len(result.Moved), len(result.Failed))
		}
		for _, f := range result.Failed {
			if !errors.Is(f.Err, stop) || !errors.Is(f.Err, syncer.ErrNotTried) {
				t.Errorf("pull %t: %v", way.Pull, f.Err)
			}
		}
		if way.Pull && len(here.entries) != 2 {
			t.Errorf("%d entries for what was pulled, want 2", len(here.entries))
		}
	}
}

// TestSelect is about ids and their beginnings as arguments.
func TestSelect(t *testing.T) {
	ids := []engram.ChunkID{mustID(t, "12345678"), mustID(t, "12999999"), mustID(t, "abcdef01")}
	for _, c := range []struct {
		words   []string
		want    []string
		matches int // of the word that is refused, -1 if none is
	}{
		{nil, nil, -1},
		{[]string{"abcdef01"}, []string{"abcdef01"}, -1},
		{[]string{"a", "123"}, []string{"abcdef01", "12345678"}, -1},
		{[]string{"a", "abc", "a"}, []string{"abcdef01"}, -1},
		{[]string{"12"}, nil, 2},
		{[]string{"a", "f"}, nil, 0},
		{[]string{""}, nil, 0},
		{[]string{"A"}, nil, 0},
		{[]string{"abcdef012"}, nil, 0},
		{[]string{"../x"}, nil, 0},
	} {
		got, err := syncer.Select(c.words, append(ids, ids...))
		var refused *syncer.SelectError
		if errors.As(err, &refused) != (c.matches >= 0) || refused != nil && refused.Matches != c.matches {
			t.Errorf("%q: %v", c.words, err)
		}
		var texts []string
		for _, id := range got {
			texts = append(texts, id.String())
		}
		if diff := cmp.Diff(c.want, texts); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.words, diff)
		}
	}
}

// TestSelectDirection: what only the other command could move is not found.
func TestSelectDirection(t *testing.T) {
	here, there := newSide(), newSide()
	mine, theirs := here.add(numbered(1)), there.add(numbered(2))
	diff := look(t, here, there, nil)
	for _, c := range []struct {
		opts syncer.Options
		id   engram.ChunkID
		ok   bool
	}{
		{syncer.Options{Push: true}, mine, true},
		{syncer.Options{Push: true}, theirs, false},
		{syncer.Options{Pull: true}, mine, false},
		{syncer.Options{Pull: true}, theirs, true},
		{both, mine, true},
		{both, theirs, true},
	} {
		if _, err := diff.Select([]string{c.id.String()}, c.opts); (err == nil) != c.ok {
			t.Errorf("push %t, pull %t: %v", c.opts.Push, c.opts.Pull, err)
		}
	}
}

// TestOnly limits a run to some chunks.
func TestOnly(t *testing.T) {
	here, there := newSide(), newSide()
	for n := range 4 {
		there.add(numbered(n))
	}
	opts := both
	opts.Only = []engram.ChunkID{there.entries[3].ID, there.entries[1].ID}
	result := syncer.Run(t.Context(), look(t, here, there, nil), opts)
	got := movedIDs(result)
	slices.Sort(got)
	want := []string{opts.Only[0].String(), opts.Only[1].String()}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("moved (-want +got):\n%s", diff)
	}
}

func mustID(t *testing.T, text string) engram.ChunkID {
	t.Helper()
	id, err := engram.ParseChunkID(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

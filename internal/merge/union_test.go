package merge_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/merge"
)

// dice makes random manifests out of a pool of entries.
type dice struct{ *rand.Rand }

func roll(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 4))} }

// entryText is the n-th entry of the pool, always the same. Several share a time.
func entryText(n int) string {
	return fmt.Sprintf(`{
      "id": "%08x",
      "created_by": "user%d",
      "created_at": "2026-11-22T%02d:00:00Z",
      "sessions": %d,
      "memories": 2,
      "prompts": 1
    }`, uint32(n)*2654435761, n%3, n%7, n%2)
}

func manifestText(entries ...string) string {
	if len(entries) == 0 {
		return "{\n  \"version\": 1,\n  \"chunks\": []\n}"
	}
	return "{\n  \"version\": 1,\n  \"chunks\": [\n    " + strings.Join(entries, ",\n    ") + "\n  ]\n}"
}

// manifest has some of the pool, in any order, and perhaps other lines ends,
// another version or a member more.
func (d dice) manifest() []byte {
	var entries []string
	for _, n := range d.Perm(12)[:d.IntN(9)] {
		entries = append(entries, entryText(n))
	}
	text := manifestText(entries...)
	if d.IntN(4) == 0 {
		text = strings.Replace(text, `"version": 1`, `"version": 2`, 1)
	}
	if d.IntN(4) == 0 {
		name := []string{"a", "b"}[d.IntN(2)]
		text = strings.Replace(text, "{", fmt.Sprintf("{\n  %q: {\"x\": [1, 2]},", name), 1)
	}
	if d.IntN(4) == 0 {
		text += "\n"
	}
	if d.IntN(4) == 0 {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	return []byte(text)
}

func mustMerge(t *testing.T, base, ours, theirs []byte) []byte {
	t.Helper()
	m, err := merge.Manifests(base, ours, theirs)
	if err != nil || len(m.Conflicts) > 0 {
		t.Fatalf("%v, %v\nbase %s\nours %s\ntheirs %s", err, m.Conflicts, base, ours, theirs)
	}
	return m.Text
}

func mustBeManifest(t *testing.T, text []byte) *engram.Manifest {
	t.Helper()
	m, err := engram.ParseManifest(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func entriesOf(t *testing.T, text []byte) []engram.ChunkEntry {
	t.Helper()
	return mustBeManifest(t, text).Entries()
}

// TestMergingIsAUnion holds what everybody relies on who merges: no id is lost,
// both directions give the same bytes, any order of merges the same entries,
// and a second merge changes nothing.
func TestMergingIsAUnion(t *testing.T) {
	for seed := range uint64(200) {
		d := roll(seed)
		base, a, b, c := d.manifest(), d.manifest(), d.manifest(), d.manifest()
		if d.IntN(4) == 0 {
			base = nil
		}
		ab := mustMerge(t, base, a, b)
		if ba := mustMerge(t, base, b, a); !bytes.Equal(ab, ba) {
			t.Fatalf("seed %d: one direction gives\n%s\nthe other\n%s", seed, ab, ba)
		}
		for _, again := range [][]byte{a, b, ab} {
			if got := mustMerge(t, base, ab, again); !cmp.Equal(entriesOf(t, got), entriesOf(t, ab), entryCompare) {
				t.Fatalf("seed %d: merged again\n%s\ngives\n%s", seed, ab, got)
			}
		}
		if got := mustMerge(t, base, ab, ab); !bytes.Equal(got, ab) {
			t.Fatalf("seed %d: not idempotent", seed)
		}
		left, right := mustMerge(t, base, ab, c), mustMerge(t, base, a, mustMerge(t, base, b, c))
		if diff := cmp.Diff(entriesOf(t, left), entriesOf(t, right), entryCompare); diff != "" {
			t.Fatalf("seed %d: not associative (-left +right):\n%s", seed, diff)
		}
		wantUnion(t, ab, a, b)
	}
}

var entryCompare = cmp.Comparer(func(a, b engram.ChunkEntry) bool { return a == b })

// wantUnion checks that a text has the entries of all sides, byte for byte save
// for line ends, and no others, in order.
func wantUnion(t *testing.T, merged []byte, sides ...[]byte) {
	t.Helper()
	m := mustBeManifest(t, merged)
	want := map[engram.ChunkID]bool{}
	for _, side := range sides {
		for _, e := range entriesOf(t, side) {
			want[e.ID] = true
			if got, ok := m.Entry(e.ID); !ok || got != e {
				t.Fatalf("%s is %+v, want %+v", e.ID, got, e)
			}
		}
		s := mustBeManifest(t, side)
		if m.Version() < s.Version() {
			t.Fatalf("version %d, want at least %d", m.Version(), s.Version())
		}
	}
	if len(m.Entries()) != len(want) {
		t.Fatalf("%d entries, want %d", len(m.Entries()), len(want))
	}
	if !slices.IsSortedFunc(m.Entries(), func(a, b engram.ChunkEntry) int {
		return strings.Compare(a.CreatedAt+a.ID.String(), b.CreatedAt+b.ID.String())
	}) {
		t.Fatalf("out of order:\n%s", merged)
	}
	plain := strings.ReplaceAll(string(merged), "\r\n", "\n")
	for n := range 12 {
		if id := fmt.Sprintf("%08x", uint32(n)*2654435761); strings.Contains(plain, id) && !strings.Contains(plain, entryText(n)) {
			t.Fatalf("the entry of %s was written anew:\n%s", id, merged)
		}
	}
}

func TestMergingWhatEngramWrites(t *testing.T) {
	base := manifestText(entryText(0))
	ours, theirs := manifestText(entryText(0), entryText(2)), manifestText(entryText(0), entryText(1))
	want := manifestText(entryText(0), entryText(1), entryText(2))
	if diff := cmp.Diff(want, string(mustMerge(t, []byte(base), []byte(ours), []byte(theirs)))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMergingKeepsWhatItDoesNotKnow(t *testing.T) {
	tests := map[string]struct {
		base, ours, theirs, want string
	}{
		"an entry's members": {
			ours:   `{"version":1,"chunks":[{"id":"c830cde8","created_at":"2026-11-22T09:14:58Z","x":{"y":1}}]}`,
			theirs: `{"version":1,"chunks":[]}`,
			want:   `{"version":1,"chunks":[{"id":"c830cde8","created_at":"2026-11-22T09:14:58Z","x":{"y":1}}]}`,
		},
		"one side changed a member": {
			base:   `{"version":1,"x":1,"chunks":[]}`,
			ours:   `{"version":1,"x":1,"chunks":[]}`,
			theirs: `{"version":2,"x":2,"chunks":[]}`,
			want:   `{"version":2,"x":2,"chunks":[]}`,
		},
		"a later version": {
			ours:   `{"version":1,"chunks":[]}`,
			theirs: `{"version":3,"chunks":[]}`,
			want:   `{"version":3,"chunks":[]}`,
		},
		"both sides lowered the version": {
			base:   `{"version":2,"chunks":[]}`,
			ours:   `{"version":1,"chunks":[],"x":1}`,
			theirs: `{"version":1,"chunks":[]}`,
			want:   `{"version":2,"chunks":[],"x":1}`,
		},
		"both sides dropped the version": {
			base:   `{"version":2,"chunks":[]}`,
			ours:   `{"chunks":[],"x":1}`,
			theirs: `{"chunks":[]}`,
			want:   "{\"chunks\":[],\"x\":1,\n  \"version\":2}",
		},
		"one side has no version": {
			ours:   `{"chunks":[]}`,
			theirs: `{"chunks":[],"version":2}`,
			want:   `{"chunks":[],"version":2}`,
		},
		"each side has a member": {
			ours:   `{"version":1,"x":1,"chunks":[]}`,
			theirs: `{"version":1,"chunks":[],"y":2}`,
			want:   "{\"version\":1,\"chunks\":[],\"y\":2,\n  \"x\":1}",
		},
		"one side deleted an entry": {
			base:   manifestText(entryText(0), entryText(1)),
			ours:   manifestText(entryText(1)),
			theirs: manifestText(entryText(0), entryText(1)),
			want:   manifestText(entryText(0), entryText(1)),
		},
		"one side changed an entry": {
			base:   manifestText(entryText(0)),
			ours:   manifestText(strings.Replace(entryText(0), "user0", "anna", 1)),
			theirs: manifestText(entryText(0), entryText(1)),
			want:   manifestText(strings.Replace(entryText(0), "user0", "anna", 1), entryText(1)),
		},
		"both changed it alike": {
			base:   manifestText(entryText(0)),
			ours:   manifestText(strings.Replace(entryText(0), "user0", "anna", 1)),
			theirs: manifestText(strings.Replace(entryText(0), "user0", "anna", 1), entryText(1)),
			want:   manifestText(strings.Replace(entryText(0), "user0", "anna", 1), entryText(1)),
		},
		"foreign entries": {
			base:   manifestText(`{"id":"X","n":1}`, entryText(0), `{"y":1}`),
			ours:   manifestText(`{"id":"X","n":2}`, entryText(0), `{"y":1}`, `{"id":"A-1"}`),
			theirs: manifestText(`{"id":"X","n":1}`, entryText(0), entryText(1), `{"y":1}`),
			want:   manifestText(entryText(0), entryText(1), `{"y":1}`, `{"id":"A-1"}`, `{"id":"X","n":2}`),
		},
		"foreign entries that both changed": {
			base:   manifestText(`{"id":"X","n":1}`),
			ours:   manifestText(`{"id":"X","n":2}`),
			theirs: manifestText(`{"id":"X","n":3}`),
			want:   manifestText(`{"id":"X","n":2}`, `{"id":"X","n":3}`),
		},
		"a base with markers": {
			base:   "<<<<<<< ours\n",
			ours:   manifestText(entryText(0)),
			theirs: manifestText(entryText(1)),
			want:   manifestText(entryText(0), entryText(1)),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, sides := range [][2]string{{tt.ours, tt.theirs}, {tt.theirs, tt.ours}} {
				got := mustMerge(t, []byte(tt.base), []byte(sides[0]), []byte(sides[1]))
				if diff := cmp.Diff(tt.want, string(got)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestTwoEntriesForOneChunkConflict(t *testing.T) {
	ours := manifestText(entryText(0), strings.Replace(entryText(1), "user1", "anna", 1), entryText(2))
	theirs := manifestText(strings.Replace(entryText(1), "user1", "ben", 1), entryText(3))
	for _, base := range []string{"", manifestText(entryText(1))} {
		m, err := merge.Manifests([]byte(base), []byte(ours), []byte(theirs))
		if err != nil {
			t.Fatal(err)
		}
		id := entriesOf(t, []byte(manifestText(entryText(1))))[0].ID
		if diff := cmp.Diff([]merge.Conflict{{ID: id}}, m.Conflicts, cmp.AllowUnexported(engram.ChunkID{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if _, err := engram.ParseManifest(m.Text); !errors.Is(err, engram.ErrConflictMarkers) {
			t.Errorf("parsing gives %v", err)
		}
		r, err := merge.Recover(m.Text)
		if err != nil {
			t.Fatalf("%v\n%s", err, m.Text)
		}
		want := manifestText(entryText(0), strings.Replace(entryText(1), "user1", "anna", 1), entryText(2), entryText(3))
		if diff := cmp.Diff(want, string(r.Manifest.Bytes())); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if r.Doubts[id].Other.CreatedBy != "ben" || len(r.Doubts) != 1 || r.Doubts[id].Confidence != merge.Certain {
			t.Errorf("doubts %v", r.Doubts)
		}
	}
}

func TestAMemberThatBothSidesChangedConflicts(t *testing.T) {
	m, err := merge.Manifests([]byte(`{"version":1,"x":1,"chunks":[]}`),
		[]byte(`{"version":1,"x":2,"chunks":[]}`), []byte(`{"version":1,"x":3,"chunks":[]}`))
	if err != nil || len(m.Conflicts) != 1 || m.Conflicts[0].Member != "x" {
		t.Fatalf("%v, %v", m.Conflicts, err)
	}
	if !strings.Contains(string(m.Text), "<<<<<<< ours\n2\n=======\n3\n>>>>>>> theirs\n") {
		t.Errorf("the text is %s", m.Text)
	}
}

func TestASideThatIsNoManifestIsNamed(t *testing.T) {
	good := []byte(manifestText(entryText(0)))
	for _, bad := range []string{"", "{", "hello", string(good[:len(good)-9])} {
		var side *merge.SideError
		if _, err := merge.Manifests(nil, []byte(bad), good); !errors.As(err, &side) || side.Side != "ours" {
			t.Errorf("%q as ours: %v", bad, err)
		}
		if _, err := merge.Manifests(nil, good, []byte(bad)); !errors.As(err, &side) || side.Side != "theirs" {
			t.Errorf("%q as theirs: %v", bad, err)
		}
		if got := mustMerge(t, []byte(bad), good, good); !bytes.Equal(got, good) {
			t.Errorf("%q as base: %s", bad, got)
		}
	}
}

// What text was taken out of does not come back by a branch that still has it.
func TestWhatWasReplacedStaysAway(t *testing.T) {
	redacted := strings.ReplaceAll(first, "11111111", "33333333")
	third := strings.ReplaceAll(second, "22222222", "44444444")
	list := func(entries ...string) []byte { return []byte(withEntry(strings.Join(entries, ","))) }
	for name, c := range map[string]struct {
		base, ours, theirs []byte
		want               []string
	}{
		"replaced":                  {list(first), list(redacted), list(first, second), []string{"33333333", "22222222"}},
		"removed":                   {list(first, second), list(second), list(first, second), []string{"11111111", "22222222"}},
		"another's":                 {list(first), list(second), list(first), []string{"11111111", "22222222"}},
		"new on one side":           {list(second), list(redacted, second), list(first, second), []string{"11111111", "33333333", "22222222"}},
		"not of the ancestor":       {list(), list(redacted), list(first), []string{"11111111", "33333333"}},
		"what stands in was before": {list(second, third), list(third), list(second, third), []string{"22222222", "44444444"}},
	} {
		t.Run(name, func(t *testing.T) {
			text := mustMerge(t, c.base, c.ours, c.theirs)
			if other := mustMerge(t, c.base, c.theirs, c.ours); !bytes.Equal(text, other) {
				t.Errorf("%s one way, %s the other", text, other)
			}
			var got []string
			for _, e := range entriesOf(t, text) {
				got = append(got, e.ID.String())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

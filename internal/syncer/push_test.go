package syncer_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
)

// TestConfirm believes no acknowledgement: what the server says it has taken
// must be in its manifest, and with Compare must come back the same.
func TestConfirm(t *testing.T) {
	gone := errors.New("gone")
	for _, c := range []struct {
		name    string
		there   func(*side)
		compare bool
		want    []error // of the failures
	}{
		{"stored", func(*side) {}, false, nil},
		{"stored and compared", func(*side) {}, true, nil},
		{"one forgotten", func(s *side) {
			s.forget = func(id engram.ChunkID) bool { return id == idOf(numbered(1)) }
		}, false, []error{syncer.ErrNotStored}},
		{"cannot be asked", func(s *side) {
			s.manifest = func(reads int) error {
				if reads > 1 {
					return gone
				}
				return nil
			}
		}, false, []error{syncer.ErrUnconfirmed, syncer.ErrUnconfirmed, syncer.ErrUnconfirmed}},
		{"refused by itself", func(s *side) {
			s.fail = func(id engram.ChunkID) error {
				if id == idOf(numbered(2)) {
					return gone
				}
				return nil
			}
		}, false, []error{gone}},
	} {
		t.Run(c.name, func(t *testing.T) {
			here, there := newSide(), newSide()
			for n := range 3 {
				here.add(numbered(n))
			}
			c.there(there)
			opts := syncer.Options{Push: true, Concurrency: 2, ReadBack: c.compare}
			result := syncer.Run(t.Context(), look(t, here, there, nil), opts)
			if len(result.Failed) != len(c.want) || len(result.Moved) != 3-len(c.want) {
				t.Fatalf("%d moved, failed %v", len(result.Moved), result.Failed)
			}
			for i, f := range result.Failed {
				if !errors.Is(f.Err, c.want[i]) {
					t.Errorf("failure %d: %v, want %v", i, f.Err, c.want[i])
				}
			}
		})
	}
}

// TestCompare notices other bytes under an id that the server lists.
func TestCompare(t *testing.T) {
	here, there := newSide(), newSide()
	id := here.add(numbered(1))
	// 32 bits are not many: two contents can have one id, but not one hash. A
	// chunk that checks itself would not let the test's forgery through, so the
	// comparison is seen failing on that.
	swapped := swappingRemote{remote{there}, numbered(2)}
	diff, err := syncer.Compare(t.Context(), local{here}, swapped, syncer.CompareOptions{})
	if err != nil {
		t.Fatal(err)
	}
	result := syncer.Run(t.Context(), diff, syncer.Options{Push: true, Concurrency: 1, ReadBack: true})
	if diff := cmp.Diff([]string{id.String()}, failedIDs(result)); diff != "" {
		t.Fatalf("failed (-want +got):\n%s", diff)
	}
	if err := result.Failed[0].Err; !errors.Is(err, syncer.ErrOtherBytes) {
		t.Errorf("%v, want %v", err, syncer.ErrOtherBytes)
	}
}

// swappingRemote gives other content than it was given, as content of no known id.
type swappingRemote struct {
	remote
	content string
}

func (r swappingRemote) ReadChunk(_ context.Context, _ engram.ChunkID, store func(*engram.Chunk) error) (*engram.ChunkEntry, error) {
	return nil, store(chunkOf(idOf(r.content), r.content))
}

// TestDamagedHere aborts the upload of a file that does not fit its id, and
// sends the others.
func TestDamagedHere(t *testing.T) {
	here, there := newSide(), newSide()
	bad := here.add(numbered(1))
	here.add(numbered(2))
	here.content[bad] = numbered(3)
	result := syncer.Run(t.Context(), look(t, here, there, nil), syncer.Options{Push: true, Concurrency: 1})
	if diff := cmp.Diff([]string{bad.String()}, failedIDs(result)); diff != "" {
		t.Fatalf("failed (-want +got):\n%s", diff)
	}
	if !errors.Is(result.Failed[0].Err, engram.ErrDamaged) || len(result.Moved) != 1 {
		t.Errorf("%v; %d moved", result.Failed[0].Err, len(result.Moved))
	}
}

// TestMissing reports an entry whose file is on neither side, in every run.
func TestMissing(t *testing.T) {
	here, there := newSide(), newSide()
	lost := here.add(numbered(1))
	delete(here.content, lost)
	for _, opts := range []syncer.Options{{Push: true}, {Pull: true}, both} {
		result := syncer.Run(t.Context(), look(t, here, there, nil), opts)
		if len(result.Failed) != 1 || !errors.Is(result.Failed[0].Err, engram.ErrNoFile) {
			t.Errorf("push %t, pull %t: %v", opts.Push, opts.Pull, result.Failed)
		}
	}
}

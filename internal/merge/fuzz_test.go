package merge_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/merge"
)

// FuzzManifests: whatever three people have, a merge is the same in both directions, once
// more changes nothing, any order names the same chunks, and what one side names is named, unless
// another one has put another chunk of that author and time in its place.
func FuzzManifests(f *testing.F) {
	f.Add([]byte(withEntry(first)), []byte(withEntry(first)), []byte(withEntry(first+","+second)), []byte(withEntry(second)))
	f.Add([]byte(""), []byte(withEntry(first)), []byte(`{"version":2,"x":1,"chunks":[`+second+"\r\n]}\r\n"), []byte(`{"version":3,"chunks":null}`))
	f.Add([]byte(withEntry(first)), []byte(withEntry(strings.ReplaceAll(first, "11111111", "33333333"))), []byte(withEntry(first+","+second)), []byte(withEntry(first)))
	f.Add([]byte("{"), []byte(`{"version":1,"chunks":[{"id":"ABC","z":[]}]}`), []byte(`{"chunks":[{"id":"ABC","z":[]},{}],"version":1}`), []byte(`{"version":1,"chunks":[{"id":5}]}`))
	f.Fuzz(func(t *testing.T, base, a, b, c []byte) {
		for _, side := range [][]byte{a, b, c} {
			if _, err := engram.ParseManifest(side); err != nil {
				return
			}
		}
		merged := func(ours, theirs []byte) []byte {
			m, err := merge.Manifests(base, ours, theirs)
			if err != nil {
				t.Fatalf("%v:\nbase %q\nours %q\ntheirs %q", err, base, ours, theirs)
			}
			if len(m.Conflicts) > 0 {
				t.Skip("both sides are right: a person decides")
			}
			return m.Text
		}
		ab := merged(a, b)
		if ba := merged(b, a); !bytes.Equal(ab, ba) {
			t.Errorf("%q one way, %q the other", ab, ba)
		}
		if again := merged(ab, ab); !bytes.Equal(again, ab) {
			t.Errorf("once more it is %q, not %q", again, ab)
		}
		left, right := mustBeManifest(t, merged(ab, c)), mustBeManifest(t, merged(a, merged(b, c)))
		for _, side := range [][]byte{a, b, c} {
			for _, e := range entriesOf(t, side) {
				if !slices.ContainsFunc([][]byte{a, b, c}, func(side []byte) bool { return standsIn(t, base, side, e) }) && (!left.Names(e.ID) || !right.Names(e.ID)) {
					t.Errorf("%s is lost: %q, %q", e.ID, left.Bytes(), right.Bytes())
				}
			}
		}
		if len(left.Entries()) != len(right.Entries()) || left.Version() != right.Version() {
			t.Errorf("another order gives another manifest: %q, %q", left.Bytes(), right.Bytes())
		}
	})
}

// standsIn says whether a side has a new entry in the place of one of the ancestor's.
func standsIn(t *testing.T, base, side []byte, e engram.ChunkEntry) bool {
	old, err := engram.ParseManifest(base)
	return err == nil && old.Has(e.ID) && !mustBeManifest(t, side).Has(e.ID) && slices.ContainsFunc(entriesOf(t, side), func(o engram.ChunkEntry) bool {
		return !old.Has(o.ID) && o.CreatedBy == e.CreatedBy && o.CreatedAt == e.CreatedAt
	})
}

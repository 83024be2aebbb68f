package journal_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/journal"
)

// The set does what a map does, in any order of calls, and stays as short as
// it can be.
func TestPositionsAreASet(t *testing.T) {
	const size = 30
	random := rand.New(rand.NewPCG(1, 2))
	var set journal.Positions
	want := map[int64]bool{}
	for range 20_000 {
		n := random.Int64N(size) + 1
		switch random.IntN(20) {
		case 0:
			set.Cut(n)
			for m := n + 1; m <= size; m++ {
				delete(want, m)
			}
		case 1, 2, 3, 4, 5, 6, 7, 8, 9:
			set.Remove(n)
			delete(want, n)
		default:
			set.Add(n)
			want[n] = true
		}
		for m := int64(0); m <= size+1; m++ {
			if set.Has(m) != want[m] {
				t.Fatalf("%v: Has(%d) = %v", set, m, set.Has(m))
			}
		}
		if set.Len() != int64(len(want)) {
			t.Fatalf("%v has %d positions, want %d", set, set.Len(), len(want))
		}
		for i := 1; i < len(set); i++ {
			if set[i][0] <= set[i-1][1]+1 {
				t.Fatalf("%v: ranges touch", set)
			}
		}
	}
}

func TestPositionsJoin(t *testing.T) {
	var set journal.Positions
	for _, n := range []int64{1, 2, 5, 4, 3, 9} {
		set.Add(n)
	}
	if diff := cmp.Diff(journal.Positions{{1, 5}, {9, 9}}, set); diff != "" {
		t.Error(diff)
	}
}

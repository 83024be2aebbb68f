package difference_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/difference"
	"github.com/engram-sync/engram-sync/internal/history"
)

func observation(id, content, updated string) history.Row {
	return history.Row{Kind: "observation", ID: id, State: history.Kept, Type: "note", Title: "T " + id, Content: content, UpdatedAt: updated}
}

func removal(id, at string) history.Row {
	return history.Row{Kind: "observation", ID: id, State: history.Removed, DeletedAt: at}
}

// Two states are compared by the newest version of each memory, in whichever chunk and order it was added.
func TestBetween(t *testing.T) {
	const early, late, last = "2026-10-01 10:00:00", "2026-10-02 10:00:00", "2026-10-03 10:00:00"
	before := [][]history.Row{
		{observation("same", "x", early), observation("edited", "x", late), observation("deleted", "x", early), observation("forgotten", "x", early)},
		{observation("edited", "older", early), observation("back", "x", early), removal("back", late), observation("gone", "x", early), removal("gone", late)},
	}
	softly := observation("softly", "x", early)
	moved, elsewhere := observation("moved", "x", early), observation("moved", "x", early)
	moved.Project, elsewhere.Project = "Shop", "till"
	unowned := observation("unowned", "x", early)
	before[0] = append(before[0], softly, moved, unowned)
	unowned.Project = "shop"
	softly.State, softly.DeletedAt = history.Deleted, late
	after := [][]history.Row{
		{observation("edited", "y", last), removal("deleted", last), observation("back", "x", last), removal("gone", late), elsewhere, unowned},
		{observation("new", "x", early), observation("same", "x", last), softly, observation("edited", "stale", early)},
	}
	want := []string{"added back", "added new", "edited edited", "edited moved", "deleted deleted", "deleted forgotten absent", "deleted softly"}
	for range 20 {
		var a, b difference.State
		for _, i := range []int{1, 0} { // as workers do: in any order
			a.Add(i, 0, before[i])
			b.Add(i, 0, after[i])
		}
		var got []string
		for _, c := range difference.Between(&a, &b) {
			text := fmt.Sprint(c.Kind, " ", c.Of().ID)
			if c.Absent {
				text += " absent"
			}
			got = append(got, text)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q, want %q", got, want)
		}
	}
}

func TestLines(t *testing.T) {
	for _, tt := range []struct{ before, after, want string }{
		{"a", "a\r\n", ""},
		{"", "a", "@@ -0,0 +1 @@\n+a\n"},
		{"a", "", "@@ -1 +0,0 @@\n-a\n"},
		{"1\n2\n3\n4\n5\n6", "1\n2\n3\n4\nfive\n6\n", "@@ -2,5 +2,5 @@\n 2\n 3\n 4\n-5\n+five\n 6\n"},
		{"--- x\n@@", "+++ x\n@@", "@@ -1,2 +1,2 @@\n---- x\n++++ x\n @@\n"},
	} {
		if got, ok := difference.Lines(tt.before, tt.after); got != tt.want || !ok {
			t.Errorf("%q and %q: %q, %t; want %q", tt.before, tt.after, got, ok, tt.want)
		}
	}
	if _, ok := difference.Lines(strings.Repeat("x", 3<<20), ""); ok {
		t.Error("nothing is too large")
	}
	// what has nothing in common with the other takes no time
	if _, ok := difference.Lines(strings.Repeat("a\n", 1<<17), strings.Repeat("b\n", 1<<17)); !ok {
		t.Error("many lines are too many")
	}
}

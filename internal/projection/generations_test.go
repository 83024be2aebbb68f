package projection_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/projection"
)

func on(g engram.Generation, project string) projection.Options {
	return projection.Options{Project: project, Generation: g}
}

// TestAPartIsKnownByAllItsIDs, whichever the server's generation is. Rows have one.
// Source: engram-2.md 4.4.
func TestAPartIsKnownByAllItsIDs(t *testing.T) {
	rows := chunk([]string{session("s1", "alpha")}, nil)
	mutation := `{"mutations":[{"entity":"prompt","op":"delete","payload":"{\"sync_id\":\"p\"}","project":"alpha","disposition":"pending"}]}`
	for content, ids := range map[string]int{rows: 1, mutation: 3} { // 1.x, as given, and with ""
		var first []string
		for g := engram.Generation(0); g <= engram.Gen3; g++ {
			chunks, _ := newDirectory(content).project(t, on(g, "alpha"), t.TempDir())
			part := chunks[0].Parts[0]
			var all []string
			for _, id := range part.IDs() {
				all = append(all, id.String())
			}
			slices.Sort(all)
			if len(slices.Compact(slices.Clone(all))) != ids || len(all) != ids {
				t.Errorf("%v: %v, want %d ids", g, all, ids)
			}
			if first == nil {
				first = all
			}
			if !slices.Equal(first, all) {
				t.Errorf("%v: %v, where another generation has %v", g, all, first)
			}
		}
	}
	d := newDirectory(mutation, rows)
	_, p := d.project(t, on(engram.Gen3, "alpha"), t.TempDir())
	if also, err := p.Also(t.Context(), d.ids); err != nil || len(also) != 1 || len(also[d.ids[0]]) != 3 { // none of which its own bytes have
		t.Errorf("chunks are known as %v, %v", also, err)
	}
	odd := strings.ReplaceAll(rows, "alpha", "cafe\u0301")
	if chunks, _ := newDirectory(odd).project(t, on(engram.Gen3, "cafe\u0301"), t.TempDir()); len(chunks[0].Parts[0].IDs()) != 2 {
		t.Errorf("rows of an odd project are known as %v", chunks[0].Parts[0].IDs())
	}
}

// TestSessionsOfAProjectWithoutADirectory go as they are where that is taken, and are
// mended elsewhere. Source: engram-2.md 7, 10.
func TestSessionsOfAProjectWithoutADirectory(t *testing.T) {
	owned := `{"id":"s1","project":"alpha","ownership_mode":"project_owned"}`
	content := chunk([]string{owned}, []string{observation("o", "s1", "")})
	for g, filled := range map[engram.Generation]int{engram.Gen1: 1, engram.Gen2: 1, engram.Gen3: 0} {
		d := newDirectory(content)
		chunks, p := d.project(t, on(g, "alpha"), t.TempDir())
		text := d.part(t, p, d.ids[0], chunks[0].Parts[0])
		if len(chunks[0].Filled) != filled || strings.Contains(text, "unknown") != (filled > 0) || !strings.Contains(text, owned[1:8]) {
			t.Errorf("%v: filled %v, sent %s", g, chunks[0].Filled, text)
		}
		strict := on(g, "alpha")
		strict.Strict = true
		if chunks, _ := d.project(t, strict, t.TempDir()); (len(chunks[0].LeftOut) > 0) != (filled > 0) {
			t.Errorf("%v, strictly: left out %v", g, chunks[0].LeftOut)
		}
	}
}

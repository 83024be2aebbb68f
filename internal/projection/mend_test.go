package projection_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/projection"
)

var mended = projection.Options{Project: "alpha"}

// TestASessionThatNobodyHas is added, once, before the rows that need it.
func TestASessionThatNobodyHas(t *testing.T) {
	d := newDirectory(
		chunk(nil, []string{observation("early", "gone", `,"created_at":"2026-11-20 10:00:01"`), observation("bad", "lost", `,"content":5`)}),
		chunk(nil, []string{observation("late", "gone", `,"created_at":"2026-11-21 10:00:01"`), observation("theirs", "beyond", `,"project":"beta"`)}),
	)
	cache := t.TempDir()
	chunks, p := d.project(t, mended, cache)
	var stubs []string
	for i, c := range chunks {
		last := c.Parts[len(c.Parts)-1]
		if len(c.Parts) == 2 {
			stubs = append(stubs, d.part(t, p, d.ids[i], c.Parts[0]))
		}
		if len(last.Needs) != 1 || last.Memories != 1 {
			t.Errorf("chunk %d becomes %+v", i, c.Parts)
		}
	}
	first := slices.MinFunc(d.ids, func(a, b engram.ChunkID) int { return a.Compare(b) })
	from := map[bool]string{true: "2026-11-20", false: "2026-11-21"}[first == d.ids[0]]
	want := []string{`{"sessions":[{"directory":"unknown","id":"gone","project":"alpha","started_at":"` + from + ` 10:00:01"}]}`}
	if diff := cmp.Diff(want, stubs); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}

	d.add(chunk([]string{session("gone", "alpha")}, nil))
	later, _ := d.project(t, mended, cache)
	for i, c := range later {
		if len(c.Parts) != 1 || len(c.Filled) > 0 {
			t.Errorf("once the session came, chunk %d becomes %+v", i, c)
		}
	}
}

// TestRowsGetWhatTheyLack, wherever they stand.
func TestRowsGetWhatTheyLack(t *testing.T) {
	d := newDirectory(`{"sessions":[{"id":"s1","directory":""}],
		"prompts":[{"session_id":"s1","content":"C"}],
		"mutations":[{"entity":"session","entity_key":"s2","op":"upsert","payload":"{\"id\":\"s2\",\"directory\":\"\"}"},
			{"entity":"observation","entity_key":"o","op":"upsert","payload":"\"{\\\"session_id\\\":\\\"s2\\\",\\\"content\\\":\\\"L1\\\"}\""},
			{"entity":"observation","entity_key":"o2","op":"delete","payload":"{\"sync_id\":\"o2\"}"}]}`)
	chunks, p := d.project(t, mended, t.TempDir())
	if len(chunks[0].LeftOut) > 0 || len(chunks[0].Filled) != 7 || len(chunks[0].Parts) != 1 {
		t.Fatalf("it becomes %+v", chunks[0])
	}
	text := d.part(t, p, d.ids[0], chunks[0].Parts[0])
	for _, want := range []string{`"directory":"unknown","id":"s1"`, `"sync_id":"prompt-`, `{\"id\":\"s2\",\"project\":\"alpha\",\"directory\":\"unknown\"}`, `\"title\":\"L1\"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s does not have %s", text, want)
		}
	}
}

// TestASessionWhoseRowStaysHere takes its mutation along: that reaches no journal,
// and the memories would be there without it. Mended, they get one that is good.
func TestASessionWhoseRowStaysHere(t *testing.T) {
	bad := strings.Replace(session("s1", "alpha"), "/w", `a\u0000b`, 1)
	d := newDirectory(`{"sessions":[` + bad + `],"observations":[` + observation("o", "s1", "") + `],
		"mutations":[{"entity":"session","entity_key":"s1","op":"upsert","payload":"{\"id\":\"s1\",\"directory\":\"/w\"}","project":"alpha"}]}`)
	strict, _ := d.project(t, alpha, t.TempDir())
	if c := strict[0]; len(c.LeftOut) != 3 || len(c.Parts) != 0 {
		t.Errorf("it becomes %+v", c)
	}
	chunks, _ := d.project(t, mended, t.TempDir())
	if c := chunks[0]; len(c.LeftOut) != 2 || len(c.Parts) != 2 || c.Parts[0].Sessions != 1 || c.Parts[1].Memories != 1 {
		t.Errorf("mended it becomes %+v", c)
	}
}

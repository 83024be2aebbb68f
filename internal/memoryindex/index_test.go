package memoryindex_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
)

// memory is a chunk of one memory.
func memory(id, title, content, updated string) engram.ChunkRows {
	return engram.ChunkRows{
		Sessions:     []engram.Session{{ID: "s", Project: "Shop", StartedAt: "2026-10-01 08:00:00"}},
		Observations: []engram.Observation{{SyncID: id, SessionID: "s", Type: "decision", Title: title, Content: content, CreatedAt: "2026-10-01 09:00:00", UpdatedAt: updated}},
	}
}

func deletion(id, at string) engram.ChunkRows {
	return engram.ChunkRows{Mutations: []engram.ChunkMutation{{
		Entity: "observation", EntityKey: id, Op: "delete", Payload: fmt.Sprintf(`{"sync_id":%q,"deleted_at":%q,"hard_delete":true}`, id, at),
	}}}
}

// search gives the titles of what is found.
func search(t *testing.T, x *memoryindex.Index, text string, change ...func(*memoryindex.Query)) []string {
	t.Helper()
	words, err := memoryindex.ParseWords(text)
	if err != nil {
		t.Fatal(err)
	}
	q := memoryindex.Query{Words: words, Open: "[", Close: "]"}
	for _, c := range change {
		c(&q)
	}
	hits, _, err := x.Search(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	titles := []string{}
	for _, h := range hits {
		titles = append(titles, h.Line.Title)
	}
	return titles
}

func want(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		t.Helper()
		t.Error(diff)
	}
}

// A memory is found in its newest version, once, whatever order chunks come in; what was deleted only if asked for.
func TestNewestVersionIsFound(t *testing.T) {
	p, dir := &place{}, t.TempDir()
	p.add(t, "2026-10-02T00:00:00Z", memory("o1", "Old", "we use mysql", "2026-10-02 10:00:00"))
	p.add(t, "2026-10-03T00:00:00Z", memory("o2", "Other", "mysql dumps", "2026-10-02 10:00:00"))
	x := open(t, dir)
	update(t, x, p)
	want(t, search(t, x, "mysql"), "Other", "Old")
	p.add(t, "2026-10-04T00:00:00Z", memory("o1", "New", "we use postgres", "2026-10-04 10:00:00"))
	p.add(t, "2026-10-05T00:00:00Z", memory("o1", "Late", "an older mysql text that arrives later", "2026-10-01 10:00:00"))
	p.add(t, "2026-10-06T00:00:00Z", deletion("o2", "2026-10-06 10:00:00"))
	update(t, x, p)
	if len(p.read) != 3 {
		t.Errorf("%d chunks were read", len(p.read))
	}
	want(t, search(t, x, "mysql"))
	want(t, search(t, x, "postgres"), "New")
	want(t, search(t, x, "mysql", func(q *memoryindex.Query) { q.Gone = true }), "Other")

	// a chunk that goes takes its version with it
	p.chunks = slices.Delete(p.chunks, 2, 3)
	p.chunks = slices.Delete(p.chunks, 3, 4)
	update(t, x, p)
	want(t, search(t, x, "postgres"))
	want(t, search(t, x, "mysql"), "Other", "Old")
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}

	// and all of that is kept
	x = open(t, dir)
	update(t, x, p)
	if len(p.read) != 0 {
		t.Errorf("read again: %v", p.read)
	}
	want(t, search(t, x, "mysql"), "Other", "Old")
	versions, err := x.Versions(t.Context(), "o1")
	if err != nil || len(versions) != 2 {
		t.Error(versions, err)
	}
}

// What is bad is named each time, says nothing, and is read once it is good; what it said before is gone.
func TestBadChunks(t *testing.T) {
	p := &place{}
	p.add(t, "2026-10-02T00:00:00Z", memory("o1", "Good", "words", "2026-10-02 10:00:00"))
	id := p.add(t, "2026-10-03T00:00:00Z", memory("o2", "Bad", "words", "2026-10-02 10:00:00"))
	x := open(t, t.TempDir())
	update(t, x, p)
	want(t, search(t, x, "words"), "Bad", "Good")
	p.bad = map[engram.ChunkID]error{id: engram.ErrDamaged}
	p.chunks[1].Stamp, p.chunks[1].Err = "2", engram.ErrNoFile
	for range 2 {
		if failed := update(t, x, p); len(failed) != 1 || failed[0].ID != id || !errors.Is(failed[0].Err, engram.ErrNoFile) {
			t.Error(failed)
		}
		want(t, search(t, x, "words"), "Good")
	}
	p.chunks[1].Err = nil
	if failed := update(t, x, p); len(failed) != 1 || !errors.Is(failed[0].Err, engram.ErrDamaged) {
		t.Error(failed)
	}
	entries, _, err := x.Chunks(t.Context(), memoryindex.Filter{})
	if err != nil || len(entries) != 2 || entries[0].Known || len(entries[0].Rows) != 0 || !entries[1].Known {
		t.Error(entries, err)
	}
	p.bad = nil
	if failed := update(t, x, p); len(failed) != 0 {
		t.Error(failed)
	}
	want(t, search(t, x, "words"), "Bad", "Good")
}

// The first chunk that export makes of a database says 1970, since a later entry would hide memories from engram's own export.
func TestAChunkOf1970IsAsOldAsItsNewestRow(t *testing.T) {
	p := &place{}
	p.add(t, "2026-10-02T00:00:00Z", memory("o1", "Early", "words", "2026-10-02 10:00:00"))
	p.add(t, "1970-01-01T00:00:00.000001Z", memory("o2", "Exported", "words", "2026-10-05 10:00:00"))
	p.add(t, "2026-10-06T00:00:00Z", memory("o3", "Late", "words", "2026-10-03 10:00:00"))
	x := open(t, t.TempDir())
	update(t, x, p)
	for want, since := range map[string]int{"Late Exported Early": 1, "Late Exported": 4, "Late": 6} {
		entries, _, err := x.Chunks(t.Context(), memoryindex.Filter{Since: time.Date(2026, 10, since, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			t.Fatal(err)
		}
		var titles []string
		for _, e := range entries {
			titles = append(titles, e.Rows[1].Title)
		}
		if got := strings.Join(titles, " "); got != want {
			t.Errorf("since %d: %q, want %q", since, got, want)
		}
	}
	counts, err := x.Days(t.Context(), memoryindex.Filter{})
	if err != nil || slices.ContainsFunc(counts, func(c memoryindex.Count) bool { return c.Day < 20000 }) {
		t.Error(counts, err)
	}
}

func TestFilters(t *testing.T) {
	p := &place{}
	p.add(t, "2026-10-02T00:00:00Z", memory("o1", "Shopping", "words", "2026-10-02 10:00:00"))
	other := memory("o2", "Till", "words", "2026-10-05 10:00:00")
	other.Sessions[0] = engram.Session{ID: "t", Project: "till"}
	other.Observations[0].SessionID, other.Observations[0].Type = "t", "bugfix"
	p.add(t, "2026-10-06T00:00:00Z", other)
	p.chunks[1].CreatedBy = "Bo Dev"
	p.add(t, "", memory("o3", "Unlisted", "words", ""))
	x := open(t, t.TempDir())
	update(t, x, p)
	for _, tt := range []struct {
		filter memoryindex.Filter
		chunks string
		found  string
	}{
		{memoryindex.Filter{}, "Till Shopping Unlisted", "Till Shopping Unlisted"},
		{memoryindex.Filter{Project: "SHOP"}, "Shopping Unlisted", "Shopping Unlisted"},
		{memoryindex.Filter{Type: "Bugfix"}, "Till", "Till"},
		{memoryindex.Filter{Author: "bo"}, "Till", "Till"},
		{memoryindex.Filter{Since: time.Date(2026, 10, 3, 0, 0, 0, 0, time.UTC)}, "Till", "Till"},
		{memoryindex.Filter{Until: time.Date(2026, 10, 3, 0, 0, 0, 0, time.UTC)}, "Shopping Unlisted", "Shopping Unlisted"},
		{memoryindex.Filter{Until: time.Date(2026, 10, 3, 0, 0, 0, 0, time.UTC), Author: "ana"}, "Shopping Unlisted", "Shopping Unlisted"},
		{memoryindex.Filter{Since: time.Date(2027, 10, 3, 0, 0, 0, 0, time.UTC)}, "", ""},
		{memoryindex.Filter{Limit: 1}, "Till", "Till"},
	} {
		entries, more, err := x.Chunks(t.Context(), tt.filter)
		if err != nil {
			t.Fatal(err)
		}
		var titles []string
		for _, e := range entries {
			for _, row := range e.Rows {
				if row.Kind == "observation" {
					titles = append(titles, row.Title)
				}
			}
		}
		if got := strings.Join(titles, " "); got != tt.chunks || more != 0 && tt.filter.Limit == 0 || tt.filter.Limit == 1 && more != 2 {
			t.Errorf("%+v: chunks %q, %d more; want %q", tt.filter, got, more, tt.chunks)
		}
		found := search(t, x, "words", func(q *memoryindex.Query) { q.Filter = tt.filter })
		if got := strings.Join(found, " "); got != tt.found {
			t.Errorf("%+v: found %q, want %q", tt.filter, got, tt.found)
		}
	}
}

// What a user types are words, and never the syntax of the index.
func TestWords(t *testing.T) {
	p := &place{}
	p.add(t, "2026-10-02T00:00:00Z", memory("o1", "Über Pools", `a connection pool of "ten" NEAR col:x migrations`, "2026-10-02 10:00:00"))
	x := open(t, t.TempDir())
	update(t, x, p)
	for text, found := range map[string]bool{
		"uber": true, "ÜBER pools": true, "pool connection": true, `"connection pool"`: true, `"pool connection"`: false, "migrat": false, "migrat*": true,
		"title:uber": false, "NEAR": true, "pool OR nothing": false, "pool -": true, `pool"`: true, `"ten"`: true, "col:x": true, "(pool": true, "po^ol": false, "pool AND": false, "*pool": true,
		"{a b}": false, "\x00pool": true, "pool\xff": true,
	} {
		if got := len(search(t, x, text)) == 1; got != found {
			t.Errorf("%q: found %t, want %t", text, got, found)
		}
	}
	for _, text := range []string{"", " ", "***", `""`, "-", "(){}^"} {
		if _, err := memoryindex.ParseWords(text); !errors.Is(err, memoryindex.ErrNoWords) {
			t.Errorf("%q: %v", text, err)
		}
	}
	words, _ := memoryindex.ParseWords("pool uber")
	hits, _, err := x.Search(t.Context(), memoryindex.Query{Words: words, Open: "[", Close: "]"})
	if err != nil || hits[0].Title != "[Über] Pools" || !strings.Contains(hits[0].Snippet, "connection [pool] of") {
		t.Errorf("%+v, %v", hits, err)
	}
}

// Scripts that part no words: one is found wherever it stands, beside letters of others too, and is shown as it was written.
func TestWordsWithoutSpaces(t *testing.T) {
	const title, body = "接続プールのAPIを変更する", "数据库连接池の上限は10、ตัวอย่างงาน。 한국어는 띄어 쓴다"
	p := &place{}
	p.add(t, "2026-10-02T00:00:00Z", memory("o1", title, body, "2026-10-02 10:00:00"))
	x := open(t, t.TempDir())
	update(t, x, p)
	for text, found := range map[string]bool{
		"接続": true, "プール": true, "変更する": true, "続接": false, "接続変更": false, "接続 変更": true, "api": true, "のapiを": true, "api変更": false, "连接池": true, `"连接池"`: true,
		"连接池*": true, "上限は1*": true, "上限は9": false, "10": true, "งาน": true, "띄어": true, "국어": false,
	} {
		if got := len(search(t, x, text)) == 1; got != found {
			t.Errorf("%q: found %t, want %t", text, got, found)
		}
	}
	words, _ := memoryindex.ParseWords("プール 连接池")
	hits, _, err := x.Search(t.Context(), memoryindex.Query{Words: words, Open: "[", Close: "]"})
	if err != nil || hits[0].Line.Title != title || hits[0].Title != "接続[プール]のAPIを変更する" || !strings.HasPrefix(hits[0].Snippet, "数据库[连接池]の上限は10、ตัวอย่างงาน") {
		t.Errorf("%+v, %v", hits, err)
	}
	entries, _, err := x.Chunks(t.Context(), memoryindex.Filter{})
	titles, err2 := x.Titles(t.Context(), []string{"o1"})
	if err != nil || err2 != nil || entries[0].Rows[1].Title != title || titles["o1"] != title {
		t.Errorf("%+v, %v, %v, %v", entries, titles, err, err2)
	}
}

// Whatever is typed, the index understands what becomes of it. (Fuzzing would instrument all of SQLite.)
func TestAnyWords(t *testing.T) {
	p := &place{}
	p.add(t, "2026-10-02T00:00:00Z", memory("o1", "T", "C", ""))
	x := open(t, t.TempDir())
	update(t, x, p)
	dice := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same every time
	pieces := []string{"a", "b c", `"`, "'", "*", "(", ")", "^", ":", "-", "+", "{", "}", "NEAR", "AND", "OR", "NOT", " ", "\x00", "\xff", "é", "日本", ",", ".", ";", "\n", "title:", "5"}
	for range 3000 {
		var text strings.Builder
		for range 1 + dice.IntN(8) {
			text.WriteString(pieces[dice.IntN(len(pieces))])
		}
		words, err := memoryindex.ParseWords(text.String())
		if err != nil {
			continue
		}
		if _, _, err := x.Search(t.Context(), memoryindex.Query{Words: words}); err != nil {
			t.Errorf("%q became %s: %v", text.String(), words, err)
		}
	}
}

// A file that is no index, or another release's, is made anew; one that cannot be made is in memory.
func TestSpoiltIndexes(t *testing.T) {
	p, dir := &place{}, t.TempDir()
	p.add(t, "2026-10-02T00:00:00Z", memory("o1", "T", "words", ""))
	x := open(t, dir)
	update(t, x, p)
	_ = x.Close()
	files, err := filepath.Glob(filepath.Join(dir, "*.db"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if info, err := os.Stat(files[0]); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	other := slices.Clone(whole)
	other[63]++ // PRAGMA user_version
	for name, text := range map[string][]byte{"no database": []byte(strings.Repeat("no database ", 100)), "another schema": other, "cut": whole[:len(whole)/2/4096*4096]} {
		if err := os.WriteFile(files[0], text, 0o600); err != nil {
			t.Fatal(err)
		}
		x := open(t, dir)
		_, err := x.Update(t.Context(), p, memoryindex.Options{AtOnce: 1})
		if err == nil {
			words, _ := memoryindex.ParseWords("words")
			_, _, err = x.Search(t.Context(), memoryindex.Query{Words: words})
		}
		if memoryindex.IsSpoilt(err) {
			x.Discard()
			x = open(t, dir)
			update(t, x, p)
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		want(t, search(t, x, "words"), "T")
		_ = x.Close()
	}
	x, kept, err := memoryindex.Open(t.Context(), filepath.Join(files[0], "below"), "place")
	if err != nil || kept {
		t.Fatal(kept, err)
	}
	update(t, x, p)
	want(t, search(t, x, "words"), "T")
}

// Several may bring one index up to date at once, and one that is interrupted goes on where it was.
func TestTogetherAndInterrupted(t *testing.T) {
	p, dir := &place{}, t.TempDir()
	for i := range 30 {
		p.add(t, fmt.Sprintf("2026-10-02T00:00:%02dZ", i), memory("same", fmt.Sprint(i), "words", fmt.Sprintf("2026-10-02 00:00:%02d", i)))
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	x := open(t, dir)
	_, err := x.Update(ctx, p, memoryindex.Options{AtOnce: 1, Done: func() { cancel(stopped) }})
	if !errors.Is(err, stopped) {
		t.Fatal(err)
	}
	_ = x.Close()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			x, kept, err := memoryindex.Open(t.Context(), dir, "place")
			if err != nil || !kept {
				t.Error(kept, err)
				return
			}
			if _, err := x.Update(t.Context(), p, memoryindex.Options{AtOnce: 2}); err != nil {
				t.Error(err)
			}
			_ = x.Close()
		})
	}
	all.Wait()
	x = open(t, dir)
	update(t, x, p)
	want(t, search(t, x, "words"), "29")
	versions, err := x.Versions(t.Context(), "same")
	if err != nil || len(versions) != 30 {
		t.Error(len(versions), err)
	}

	// many that go at once
	p.chunks = p.chunks[:1]
	update(t, x, p)
	want(t, search(t, x, "words"), "0")
}

// A process that has listed the place before a chunk came takes it out where another has just entered it: neither may leave an index
// that seems to be up to date.
func TestOneOfTwoHasSeenLess(t *testing.T) {
	p, dir := &place{}, t.TempDir()
	p.add(t, "2026-10-02T00:00:00Z", memory("o1", "First", "words", ""))
	before := &place{chunks: slices.Clone(p.chunks), texts: p.texts}
	p.add(t, "2026-10-03T00:00:00Z", memory("o2", "Second", "words", ""))
	x, other := open(t, dir), open(t, dir)
	if _, err := x.Update(t.Context(), p, memoryindex.Options{AtOnce: 1, Plan: func(int) { update(t, other, before) }}); err != nil {
		t.Fatal(err)
	}
	update(t, x, p)
	want(t, search(t, x, "words"), "Second", "First")
}

// An overview counts by days, names what filters can ask for, and lists the latest without words, in parts.
func TestOverview(t *testing.T) {
	p := &place{}
	p.add(t, "2026-10-02T00:00:00Z", memory("o1", "Old", "a", "2026-10-02 10:00:00"))
	id := p.add(t, "2026-10-03T00:00:00Z", memory("o1", "New", "a", "2026-10-03 10:00:00"))
	p.add(t, "2026-10-03T01:00:00Z", memory("o2", "Other", "a", "2026-10-03 11:00:00"))
	x := open(t, t.TempDir())
	update(t, x, p)
	counts, err := x.Days(t.Context(), memoryindex.Filter{Type: "decision"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]memoryindex.Count{{Day: 20728, Kind: "chunk", N: 1}, {Day: 20729, Kind: "chunk", N: 2}, {Day: 20729, Kind: "observation", N: 2}}, counts); diff != "" {
		t.Error(diff)
	}
	choices, err := x.Choices(t.Context())
	if diff := cmp.Diff(memoryindex.Choices{Projects: []string{"shop"}, Types: []string{"decision", "session"}, Authors: []string{"Ana"}}, choices); diff != "" || err != nil {
		t.Error(diff, err)
	}
	e, found, err := x.Chunk(t.Context(), id)
	if err != nil || !found || !e.Known || !e.Listed || e.CreatedBy != "Ana" {
		t.Error(e, found, err)
	}
	for i, title := range []string{"Other", "New", "s"} {
		hits, more, err := x.Search(t.Context(), memoryindex.Query{Filter: memoryindex.Filter{Limit: 1, Offset: i}})
		if err != nil || len(hits) != 1 || hits[0].Line.Title != title || more != 2-i {
			t.Error(hits, more, err)
		}
		entries, more, err := x.Chunks(t.Context(), memoryindex.Filter{Limit: 1, Offset: i})
		if err != nil || len(entries) != 1 || entries[0].ID != p.chunks[2-i].ID || more != 2-i {
			t.Error(entries, more, err)
		}
	}
}

// Of a chunk with many rows, and of rows with names that nobody would give, lists have only so much.
func TestLinesAreBounded(t *testing.T) {
	var p place
	long := strings.Repeat("long ", 2<<10)
	p.add(t, "2026-10-01T10:00:00Z", engram.ChunkRows{
		Sessions: []engram.Session{{ID: "s1"}, {ID: "s2"}},
		Observations: []engram.Observation{
			{SyncID: "o1", Title: "One"}, {SyncID: "o2", Title: "Two"}, {SyncID: long, Project: &long, SessionID: long, Type: long, Title: "Three"}, {SyncID: "o4", Title: "Four"},
		},
	})
	p.add(t, "2026-10-02T10:00:00Z", engram.ChunkRows{Sessions: []engram.Session{{ID: "s1"}, {ID: "s3"}}})
	x := open(t, t.TempDir())
	defer func() { _ = x.Close() }()
	update(t, x, &p)
	for most, want := range map[int]string{0: "s1 s3 +0, s1 s2 One Two Three Four +0", 1: "s1 +1, One +3", 3: "s1 s3 +0, One Two Three +1", 5: "s1 s3 +0, One Two Three Four +0"} {
		entries, _, err := x.Chunks(t.Context(), memoryindex.Filter{Lines: most})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			line := ""
			for _, l := range e.Rows {
				line += l.Title + " "
				if size := len(l.ID + l.Project + l.Session + l.Type); size > 16<<10 {
					t.Errorf("%s has %d bytes of names", l.Title, size)
				}
			}
			got = append(got, line+fmt.Sprintf("+%d", e.Left))
		}
		if got := strings.Join(got, ", "); got != want {
			t.Errorf("%d: %s", most, got)
		}
	}
}

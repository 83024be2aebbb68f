package projection_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/projection"
	"github.com/engram-sync/engram-sync/internal/recognition"
)

// directory is a chunk directory in memory.
type directory struct {
	content map[engram.ChunkID]string
	ids     []engram.ChunkID
	opened  atomic.Int64
}

func newDirectory(contents ...string) *directory {
	d := &directory{content: map[engram.ChunkID]string{}}
	for _, c := range contents {
		d.add(c)
	}
	return d
}

func (d *directory) add(content string) engram.ChunkID {
	id := engram.IDOf(sha256.Sum256([]byte(content)))
	d.content[id] = content
	d.ids = append(d.ids, id)
	return id
}

func (d *directory) open(id engram.ChunkID) (*engram.Chunk, error) {
	d.opened.Add(1)
	return engram.NewChunk(id, io.NopCloser(strings.NewReader(d.content[id])), 1<<30), nil
}

// project gives what all chunks become, in the order of the directory.
func (d *directory) project(t testing.TB, opts projection.Options, cache string) ([]recognition.Projection, *projection.Directory) {
	t.Helper()
	p := projection.NewDirectory(opts, d.open, cache, 1)
	chunks, err := p.Chunks(t.Context(), d.ids, d.ids)
	if err != nil {
		t.Fatal(err)
	}
	var out []recognition.Projection
	for _, id := range d.ids {
		out = append(out, chunks[id])
	}
	return out, p
}

// part reads the text of one part.
func (d *directory) part(t testing.TB, p *projection.Directory, local engram.ChunkID, part recognition.Part) string {
	t.Helper()
	c, err := p.OpenPart(t.Context(), local, part.ID)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(c)
	if err != nil || !c.Verified() {
		t.Fatalf("a part of %s: %v", local, err)
	}
	return string(text)
}

var alpha = projection.Options{Project: "alpha", Strict: true}

func session(id, project string) string {
	return fmt.Sprintf(`{"id":%q,"project":%q,"directory":"/w","started_at":"2026-11-22 09:14:57"}`, id, project)
}

func observation(id, session, more string) string {
	return fmt.Sprintf(`{"id":1,"sync_id":%q,"session_id":%q,"type":"note","title":"T","content":"C","scope":"project"%s}`, id, session, more)
}

func chunk(sessions, observations []string) string {
	return `{"sessions":[` + strings.Join(sessions, ",") + `],"observations":[` + strings.Join(observations, ",") + `],"prompts":null}`
}

// syncIDs are the observations in a part.
func syncIDs(t testing.TB, text string) []string {
	t.Helper()
	var rows engram.ChunkRows
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, o := range rows.Observations {
		ids = append(ids, o.SyncID)
	}
	return ids
}

// TestOnlyTheProjectsRowsGo, with the sessions that they need: rows of others and
// personal ones stay here, and are counted.
func TestOnlyTheProjectsRowsGo(t *testing.T) {
	d := newDirectory(
		chunk([]string{session("s1", "Alpha"), session("s2", "beta"), session("s3", "gamma")}, []string{
			observation("mine", "s1", `,"project":"alpha"`),
			observation("by session", "s1", ""),
			observation("theirs", "s2", ""),
			observation("mine in their session", "s2", `,"project":"ALPHA"`),
			strings.Replace(observation("secret", "s1", ""), `"project"`, `"personal"`, 1),
		}),
		chunk([]string{session("s4", "beta")}, []string{observation("none of ours", "s4", "")}),
		chunk(nil, []string{observation("by the session of another chunk", "s2", ""), observation("ours", "s1", "")}),
	)
	chunks, p := d.project(t, alpha, t.TempDir())
	want := []string{"mine", "by session", "mine in their session"}
	if len(chunks[0].Parts) != 1 || chunks[0].Personal != 1 || chunks[0].Foreign["beta"] != 1 || chunks[0].Foreign["gamma"] != 1 || chunks[0].Parts[0].Sessions != 2 {
		t.Fatalf("the first chunk becomes %+v", chunks[0])
	}
	text := d.part(t, p, d.ids[0], chunks[0].Parts[0])
	if diff := cmp.Diff(want, syncIDs(t, text)); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	again, err := canon.Of(engram.Gen1).Canonical([]byte(text), "alpha")
	if err != nil || string(again) != text {
		t.Errorf("the part is not canonical: %v", err)
	}
	if len(chunks[1].Parts) != 0 || chunks[1].Foreign["beta"] != 2 {
		t.Errorf("a chunk without anything for the project becomes %+v", chunks[1])
	}
	if len(chunks[2].Parts) != 1 || chunks[2].Foreign["beta"] != 1 || len(chunks[2].Parts[0].Needs) != 1 {
		t.Errorf("a chunk that needs another becomes %+v", chunks[2])
	}
	everything := alpha
	everything.IncludePersonal = true
	if chunks, _ := d.project(t, everything, t.TempDir()); chunks[0].Personal != 0 || chunks[0].Parts[0].Memories != 4 {
		t.Errorf("with personal rows: %+v", chunks[0])
	}
}

// TestRowsThatWouldBeRefused do not keep the others here, and neither do the rows
// that depend on them.
func TestRowsThatWouldBeRefused(t *testing.T) {
	noDirectory := `{"id":"s2","project":"alpha","directory":" ","started_at":""}`
	d := newDirectory(chunk([]string{session("s1", "alpha"), noDirectory}, []string{
		observation("good", "s1", ""),
		strings.Replace(observation("no title", "s1", ""), `"T"`, `""`, 1),
		observation("no directory", "s2", ""),
		observation("no session", "nowhere", ""),
		strings.Replace(observation("nul", "s1", ""), `"C"`, `"a\u0000b"`, 1),
	}))
	chunks, p := d.project(t, alpha, t.TempDir())
	if len(chunks[0].Parts) != 1 {
		t.Fatalf("it becomes %+v", chunks[0])
	}
	if got := syncIDs(t, d.part(t, p, d.ids[0], chunks[0].Parts[0])); !slices.Equal(got, []string{"good"}) {
		t.Errorf("sent: %q", got)
	}
	var left []string
	for _, r := range chunks[0].LeftOut {
		left = append(left, fmt.Sprintf("%s %d %s", r.List, r.Index, r.Field))
	}
	slices.Sort(left)
	want := []string{"observations 1 title", "observations 2 session_id", "observations 3 session_id", "observations 4 ", "sessions 1 directory"}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}

	filling := alpha
	filling.Strict = false
	chunks, p = d.project(t, filling, t.TempDir())
	got := syncIDs(t, d.part(t, p, d.ids[0], chunks[0].Parts[1]))
	if !slices.Equal(got, []string{"good", "no title", "no directory", "no session"}) || len(chunks[0].Filled) != 3 {
		t.Errorf("with blanks filled: sent %q, filled %v", got, chunks[0].Filled)
	}
}

// TestSplit cuts a chunk of 13 MB into parts that stand alone.
func TestSplit(t *testing.T) {
	if testing.Short() {
		t.Skip("it moves much data, in few goroutines")
	}
	var sessions, rows []string
	for n := range 12 {
		sessions = append(sessions, session(fmt.Sprint("s", n), "alpha"))
	}
	content := `"` + strings.Repeat("memory <b> ", 4_500) + `"`
	for n := range 160 {
		rows = append(rows, strings.Replace(observation(fmt.Sprint("o", n), fmt.Sprint("s", n%12), ""), `"C"`, content, 1))
	}
	huge := strings.Replace(observation("huge", "s1", ""), `"C"`, `"`+strings.Repeat("x", 5<<20)+`"`, 1)
	d := newDirectory(chunk(sessions, append(rows, huge)))
	chunks, p := d.project(t, alpha, t.TempDir())
	var got []string
	for i, part := range chunks[0].Parts {
		text := d.part(t, p, d.ids[0], part)
		ids := syncIDs(t, text)
		if len(text) > 4<<20 && !slices.Equal(ids, []string{"huge"}) {
			t.Errorf("part %d of %d rows has %d bytes", i, len(ids), len(text))
		}
		problems, err := canon.Of(engram.Gen1).Validate([]byte(text), "alpha", func(string) bool { return false })
		if err != nil || len(problems) > 0 || len(part.Needs) > 0 {
			t.Errorf("part %d does not stand alone: %v %v %v", i, problems, err, part.Needs)
		}
		got = append(got, ids...)
	}
	if len(chunks[0].Parts) < 4 || len(got) != 161 || len(slices.Compact(slices.Sorted(slices.Values(got)))) != 161 {
		t.Errorf("%d parts with %d rows", len(chunks[0].Parts), len(got))
	}
	again, _ := d.project(t, alpha, t.TempDir())
	if diff := cmp.Diff(partIDs(chunks[0]), partIDs(again[0])); diff != "" {
		t.Errorf("another run makes other parts:\n%s", diff)
	}
}

func partIDs(c recognition.Projection) []string {
	var ids []string
	for _, p := range c.Parts {
		ids = append(ids, p.ID.String())
	}
	return ids
}

// TestKnownChunksAreNotReadAgain, unless what they depend on has changed.
func TestKnownChunksAreNotReadAgain(t *testing.T) {
	d := newDirectory(chunk(nil, []string{observation("o", "s1", "")}), chunk([]string{session("s9", "alpha")}, nil))
	cache := t.TempDir()
	first, _ := d.project(t, alpha, cache)
	if len(first[0].Parts) != 0 || len(first[0].LeftOut) != 1 {
		t.Errorf("without its session: %+v", first[0])
	}
	d.opened.Store(0)
	again, _ := d.project(t, alpha, cache)
	if d.opened.Load() != 0 || !slices.Equal(partIDs(again[1]), partIDs(first[1])) || len(again[0].LeftOut) != 1 {
		t.Errorf("opened %d chunks again: %+v", d.opened.Load(), again)
	}
	d.add(chunk([]string{session("s1", "alpha")}, nil))
	d.opened.Store(0)
	later, _ := d.project(t, alpha, cache)
	if d.opened.Load() != 3 || len(later[0].Parts) != 1 || len(later[0].Parts[0].Needs) != 1 {
		t.Errorf("opened %d chunks once the session came: %+v", d.opened.Load(), later[0])
	}
	d.opened.Store(0)
	if _, p := d.project(t, projection.Options{Project: "beta"}, cache); p == nil || d.opened.Load() == 0 {
		t.Error("another project found what was worked out for this one")
	}
}

// TestBadChunk has one that cannot be read among others.
func TestBadChunk(t *testing.T) {
	d := newDirectory(chunk([]string{session("s1", "alpha")}, nil), `{"sessions":5}`)
	chunks, _ := d.project(t, alpha, t.TempDir())
	if chunks[0].Err != nil || chunks[1].Err == nil {
		t.Errorf("errors %v and %v", chunks[0].Err, chunks[1].Err)
	}
}

// TestMutationsOfAChunk are filtered like rows.
func TestMutationsOfAChunk(t *testing.T) {
	mutation := func(seq int, project, payload string) string {
		text, _ := json.Marshal(payload)
		return fmt.Sprintf(`{"seq":%d,"target_key":"cloud","entity":"observation","entity_key":"","op":"upsert","payload":%s,"source":"local","project":%q,"occurred_at":""}`, seq, text, project)
	}
	payload := `{"sync_id":"a","session_id":"s1","type":"t","title":"T","content":"C","scope":"project"}`
	d := newDirectory(`{"mutations":[` + mutation(1, "alpha", payload) + "," + mutation(2, "beta", payload) + "," +
		mutation(3, "alpha", strings.Replace(payload, `"project"`, `"personal"`, 1)) + `],"sessions":[` + session("s1", "alpha") + `]}`)
	chunks, p := d.project(t, alpha, t.TempDir())
	if len(chunks[0].Parts) != 1 || chunks[0].Foreign["beta"] != 1 || chunks[0].Personal != 1 {
		t.Fatalf("it becomes %+v", chunks[0])
	}
	if text := d.part(t, p, d.ids[0], chunks[0].Parts[0]); !strings.Contains(text, `"seq":1`) || bytes.Contains([]byte(text), []byte(`"seq":2`)) {
		t.Errorf("the part is %s", text)
	}
}

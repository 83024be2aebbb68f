package projection_test

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/projection"
)

// TestListsInOddSpellings are left out and reported: a server would read them as
// rows, whosever they are.
func TestListsInOddSpellings(t *testing.T) {
	d := newDirectory(`{"sessions":[` + session("s1", "alpha") + `],"Observations":[` + observation("theirs", "s1", `,"project":"beta"`) +
		`],"\u017fessions":5,"Prompts":null,"kept":1}`)
	chunks, p := d.project(t, alpha, t.TempDir())
	want := []engram.RowNote{
		{List: "Observations", Index: -1, Reason: "is an odd spelling of observations"},
		{List: "Prompts", Index: -1, Reason: "is an odd spelling of prompts"},
		{List: "ſessions", Index: -1, Reason: "is an odd spelling of sessions"},
	}
	for i := range chunks[0].LeftOut {
		chunks[0].LeftOut[i].Row = ""
	}
	if diff := cmp.Diff(want, chunks[0].LeftOut); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
	if got := d.part(t, p, d.ids[0], chunks[0].Parts[0]); got != `{"kept":1,"sessions":[{"directory":"/w","id":"s1","project":"alpha","started_at":"2026-11-22 09:14:57"}]}` {
		t.Errorf("sent %s", got)
	}
}

// TestPersonalRowsStayHere however they are spelled or wrapped.
func TestPersonalRowsStayHere(t *testing.T) {
	payload := `{"sync_id":"m","session_id":"s1","type":"t","title":"T","content":"C","SCOPE":"personal"}`
	once, _ := json.Marshal(payload)
	twice, _ := json.Marshal(" " + string(once) + "\n")
	mutation := func(payload []byte) string {
		return `{"entity":"observation","op":"upsert","payload":` + string(payload) + `,"project":"alpha"}`
	}
	row := strings.Replace(observation("r", "s1", ""), `"scope":"project"`, `"scope":"project","Scope":" PERSONAL "`, 1)
	d := newDirectory(`{"sessions":[` + session("s1", "alpha") + `],"observations":[` + row + `],"mutations":[` + mutation(once) + `,` + mutation(twice) + `]}`)
	chunks, p := d.project(t, alpha, t.TempDir())
	if chunks[0].Personal != 3 || len(chunks[0].LeftOut) != 0 {
		t.Errorf("it becomes %+v", chunks[0])
	}
	if text := d.part(t, p, d.ids[0], chunks[0].Parts[0]); strings.Contains(strings.ToLower(text), "personal") {
		t.Errorf("sent %s", text)
	}
}

// TestSessionsThatMutationsBring count like those of rows, within a chunk and
// from another.
func TestSessionsThatMutationsBring(t *testing.T) {
	upsert := `{"entity":"session","op":"upsert","payload":"{\"id\":\"s1\",\"directory\":\"/w\"}","project":"alpha"}`
	d := newDirectory(
		chunk(nil, []string{observation("before", "s1", "")}),
		`{"observations":[`+observation("beside", "s1", "")+`],"mutations":[`+upsert+`]}`,
		chunk(nil, []string{observation("nowhere", "s2", "")}),
		`{"mutations":[{"entity":"session","op":"delete","payload":"{\"id\":\"s2\"}","project":"alpha"}]}`,
	)
	chunks, _ := d.project(t, alpha, t.TempDir())
	for i, needs := range []int{1, 0} {
		if c := chunks[i]; len(c.Parts) != 1 || len(c.LeftOut) != 0 || len(c.Parts[0].Needs) != needs {
			t.Errorf("chunk %d becomes %+v", i, c)
		}
	}
	if len(chunks[2].Parts) != 0 || len(chunks[2].LeftOut) != 1 {
		t.Errorf("a session that is only deleted: %+v", chunks[2])
	}
}

// TestASessionThatOthersNeed goes with the project that needs it, from whichever
// chunk it is in; its own project's rows stay.
func TestASessionThatOthersNeed(t *testing.T) {
	theirs := chunk([]string{session("s1", "beta"), session("s2", "beta")}, []string{observation("theirs", "s1", "")})
	d := newDirectory(theirs)
	cache := t.TempDir()
	if chunks, _ := d.project(t, alpha, cache); len(chunks[0].Parts) != 0 || chunks[0].Foreign["beta"] != 3 {
		t.Errorf("on its own it becomes %+v", chunks[0])
	}
	d.add(chunk(nil, []string{observation("ours", "s1", `,"project":"Alpha"`)}))
	chunks, p := d.project(t, alpha, cache)
	if len(chunks[0].Parts) != 1 || chunks[0].Foreign["beta"] != 2 || len(chunks[1].Parts[0].Needs) != 1 {
		t.Fatalf("it becomes %+v, %+v", chunks[0], chunks[1])
	}
	want := `{"observations":[],"prompts":[],"sessions":[{"directory":"/w","id":"s1","project":"alpha","started_at":"2026-11-22 09:14:57"}]}`
	if text := d.part(t, p, d.ids[0], chunks[0].Parts[0]); text != want {
		t.Errorf("sent %s", text)
	}
}

// TestASourceThatLiesAboutItsSize is damage, before it costs more memory than it claimed.
func TestASourceThatLiesAboutItsSize(t *testing.T) {
	content := chunk([]string{session("s1", "alpha")}, nil)
	d := newDirectory(content)
	open := func(id engram.ChunkID) (*engram.Chunk, error) {
		c := engram.NewChunk(id, io.NopCloser(strings.NewReader(content)), 1<<30)
		c.SizeHint = 10
		return c, nil
	}
	chunks, err := projection.NewDirectory(alpha, open, t.TempDir(), 1).Chunks(t.Context(), d.ids, d.ids)
	if err != nil || chunks[d.ids[0]].Err == nil || !strings.Contains(chunks[d.ids[0]].Err.Error(), "claims 10 bytes") {
		t.Errorf("got %v, %v", chunks, err)
	}
}

// TestADirectoryIsProjectedInParallel, with more and larger chunks than fit into
// memory at once, and its parts are opened in parallel too.
func TestADirectoryIsProjectedInParallel(t *testing.T) {
	d := &directory{content: map[engram.ChunkID]string{}}
	for n := range 12 {
		d.add(chunk([]string{session(fmt.Sprint("s", n), "alpha")}, []string{
			strings.Replace(observation(fmt.Sprint("o", n), fmt.Sprint("s", n), ""), `"C"`, `"`+strings.Repeat("x", 100_000)+`"`, 1)}))
	}
	open := func(id engram.ChunkID) (*engram.Chunk, error) {
		c := engram.NewChunk(id, io.NopCloser(strings.NewReader(d.content[id])), 1<<30)
		c.SizeHint = 10 << 20
		return c, nil
	}
	p := projection.NewDirectory(alpha, open, t.TempDir(), 8)
	chunks, err := p.Chunks(t.Context(), d.ids, d.ids)
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	for _, id := range d.ids {
		go func() {
			c, err := p.OpenPart(t.Context(), id, chunks[id].Parts[0].ID)
			if err == nil {
				_, err = io.Copy(io.Discard, c)
			}
			failed <- err
		}()
	}
	for range d.ids {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}

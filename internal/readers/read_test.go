package readers_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/mend"
	"github.com/engram-sync/engram-sync/internal/readers"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
)

var key = readers.NewKey()

// What project servers demand of rows is noted with its place, at most so often.
func TestBlanksAreNoted(t *testing.T) {
	c, err := readers.Read(strings.NewReader(`{"sessions":[{"id":"s"},{"id":"t","directory":" \u0009"},{"id":"u","directory":5}],
		"OBSERVATIONS":[{"id":1,"session_id":"x","sync_id":"o1","type":"n","title":"T","content":"C"},{"session_id":"x","sync_id":null,"Type":"n","title":"\\","content":""}],
		"prompts":[{"session_id":"s","content":"C"}],"mutations":null,"later":[1,{"prompts":[2]}]}`), key)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range c.Blank {
		got = append(got, n.String())
	}
	want := []string{
		"sessions[0].directory is required", "sessions[1].directory is required",
		"observations[1].sync_id is required", "observations[1].content is required", "prompts[0].sync_id is required",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if c.Sessions != 3 || c.Memories != 2 || c.Prompts != 1 || c.Generation != engram.Gen1 {
		t.Errorf("counted %+v", c.Contents)
	}
	many, err := readers.Read(strings.NewReader(`{"sessions":[`+strings.Repeat(`{},`, 5000)+`{}]}`), key)
	if err != nil || len(many.Blank) > 300 || many.Sessions != 5001 {
		t.Errorf("%d notes of %d rows, %v", len(many.Blank), many.Sessions, err)
	}
	if found := readers.Judge(readers.Directory{Version: 2, Chunks: []readers.Listed{{Chunk: many}}}, readers.Generations...); len(found) > 300 {
		t.Errorf("%d findings", len(found))
	}
}

// What is no chunk of rows is none for readers either.
func TestReadRefuses(t *testing.T) {
	for _, bad := range []string{`[]`, `{"sessions":3}`, `{"prompts":[3]}`, `{`, ``, `{"prompts":[{"created_at":5}]}`, `{}x`} {
		if _, err := readers.Read(strings.NewReader(bad), key); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	broken := errors.New("disk on fire")
	if _, err := readers.Read(errReader{broken}, key); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// A restored chunk is found by its first memory: in real chunks it is that of the true one.
func TestFirstMemoryOfRestoredChunks(t *testing.T) {
	seen := map[uint64]bool{}
	for _, dir := range fixtures.ChunkDirs() {
		_, chunks := wiretest.ReadFixture(t, dir)
		for id, chunk := range chunks {
			text, rows, err := mend.Restore(id, strings.NewReader(chunk.Text))
			if err != nil {
				t.Fatal(err)
			}
			one, err := readers.Read(strings.NewReader(chunk.Text), key)
			if err != nil {
				t.Fatal(err)
			}
			other, err := readers.Read(bytes.NewReader(text), key)
			if err != nil {
				t.Fatal(err)
			}
			if one.First != other.First || (one.First == 0) != (len(rows.Observations)+len(rows.Prompts) == 0) {
				t.Errorf("%s: %x, restored %x", id, one.First, other.First)
			}
			seen[one.First] = true
		}
	}
	if len(seen) < 5 {
		t.Errorf("only %d first memories", len(seen))
	}
}

// The generations that a directory shows are those of its members and of its version.
func TestSeen(t *testing.T) {
	read := func(text string) readers.Listed {
		c, err := readers.Read(strings.NewReader(text), key)
		if err != nil {
			t.Fatal(err)
		}
		return readers.Listed{Chunk: c}
	}
	plain, inbox := read(`{"sessions":[{"id":"s"}]}`), read(`{"prompts":[{"source_inbox_id":"i"}]}`)
	owned := read(`{"mutations":[{"entity":"session","op":"upsert","payload":"{\"ownership_mode\":\"shared\"}"}]}`)
	for _, c := range []struct {
		d    readers.Directory
		want string
	}{
		{readers.Directory{Version: 1}, ""},
		{readers.Directory{Version: 2}, "2.x"},
		{readers.Directory{Version: 1, Chunks: []readers.Listed{plain, {Broken: true}}}, "1.x"},
		{readers.Directory{Version: 1, Chunks: []readers.Listed{owned}}, "2.x"},
		{readers.Directory{Version: 2, Chunks: []readers.Listed{plain, inbox}}, "1.x 2.x 3.x"},
	} {
		var got []string
		for _, g := range readers.Seen(c.d) {
			got = append(got, g.String())
		}
		if d := cmp.Diff(c.want, strings.Join(got, " ")); d != "" {
			t.Error(d)
		}
	}
}

// FuzzRead: whatever the white space, readers see the same, and make the same of it.
func FuzzRead(f *testing.F) {
	for _, chunk := range []string{
		fixtures.LaterChunk, `{"prompts":[{"created_at":5}]}`, `{"sessions":[{"id":"t","directory":" \u0009"},{"id":"u","directory":5}]}`,
		`{"OBSERVATIONS":[{"session_id":"x","sync_id":null,"Type":"n","title":"\\","content":""}],"later":[1,{"prompts":[2]}]}`,
		`{"mutations":[{"entity":"session","op":"upsert","payload":"{\"ownership_mode\":\"shared\"}"}]}`,
	} {
		f.Add([]byte(chunk))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := readers.Read(bytes.NewReader(text), key)
		var wide bytes.Buffer
		if json.Indent(&wide, text, "", "\t") != nil {
			if err == nil {
				t.Fatalf("%q is no JSON, and was read", text)
			}
			return
		}
		again, failed := readers.Read(&wide, key)
		if (err == nil) != (failed == nil) || c.Contents != again.Contents {
			t.Fatalf("%q: %v and %v, %+v and %+v", text, err, failed, c.Contents, again.Contents)
		}
		judge := func(c *readers.Chunk) []readers.Finding {
			return readers.Judge(readers.Directory{Version: 2, Chunks: []readers.Listed{{Chunk: c}}}, readers.Generations...)
		}
		if err != nil {
			return
		}
		kept := c.AppendTo(nil)
		recalled, err := readers.RecallChunk(kept, key)
		if err != nil {
			t.Fatalf("%q cannot be recalled", text)
		}
		if recalled.Contents != c.Contents || recalled.First != c.First || !slices.Equal(recalled.Blank, c.Blank) {
			t.Errorf("%q: %+v is recalled as %+v", text, c, recalled)
		}
		found := judge(c)
		for _, other := range []*readers.Chunk{again, recalled} {
			if diff := cmp.Diff(found, judge(other), cmp.AllowUnexported(engram.ChunkID{})); diff != "" {
				t.Errorf("%q: %s", text, diff)
			}
		}
		if _, err := readers.RecallChunk(kept[:len(kept)-1], key); err == nil {
			t.Errorf("%q: a part of it is recalled", text)
		}
	})
}

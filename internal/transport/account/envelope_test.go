package account_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// pull reads a chunk out of what a server answers.
func pull(t testing.TB, c wiretest.Chunk, body string, opts transport.Options) (got string, entry *engram.ChunkEntry, err error) {
	t.Helper()
	opts.Base = wiretest.Base(func(req *http.Request) (*http.Response, error) { return wiretest.Answer(req, http.StatusOK, body), nil })
	entry, err = wiretest.Dial(t, wiretest.Somewhere, opts).ReadChunk(t.Context(), c.ID(), wiretest.Into(&got))
	return got, entry, err
}

// inEnvelope fills ID, DATA and ENTRY of a template.
func inEnvelope(t testing.TB, c wiretest.Chunk, template string) string {
	t.Helper()
	entry, err := c.Entry.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("ID", c.ID().String(), "DATA", c.Text, "ENTRY", string(entry)).Replace(template)
}

// White space at the end of a chunk stands where that of the envelope could: the
// hash says whose it is.
func TestWhiteSpaceAtTheEndOfAChunkComesBack(t *testing.T) {
	chunk := wiretest.NewChunk(wiretest.Sample().Text + "\n\n")
	for name, template := range map[string]string{
		"ours":       `{"chunk_id":"ID","engram_sync_entry":ENTRY,"data":DATA}`,
		"data first": `{"data":DATA,"chunk_id":"ID"}` + "\n",
	} {
		got, _, err := pull(t, chunk, inEnvelope(t, chunk, template), transport.Options{})
		if err != nil || got != chunk.Text {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	for _, template := range []string{`{"chunk_id":"ID","data":DATA }`, `{"chunk_id":"ID","data":DATA` + strings.Repeat("\n", 1<<16) + `}`} {
		if got, _, err := pull(t, chunk, inEnvelope(t, chunk, template), transport.Options{}); err == nil {
			t.Errorf("more than its own is not its own: %q", got)
		}
	}
}

// Whatever else is in the envelope, the content comes out as it was put in.
func TestEnvelopesThatAreRead(t *testing.T) {
	chunk := wiretest.Sample()
	for name, tc := range map[string]struct {
		template string
		entry    bool
	}{
		"ours":                  {`{"chunk_id":"ID","created_by":"dev","engram_sync_entry":ENTRY,"data":DATA}`, true},
		"without an entry":      {`{"chunk_id":"ID","created_by":"dev","data":DATA}`, false},
		"data first":            {`{"data":DATA,"engram_sync_entry":ENTRY,"created_by":"dev","chunk_id":"ID"}`, true},
		"final newline":         {`{"chunk_id":"ID","data":DATA}` + "\n", false},
		"white space":           {"\r\n\t {\n\"chunk_id\" :\n\"ID\" , \"data\"\t:\r\n DATA \n} \n\n", false},
		"extra members":         {`{"zzz":{"deep":[1,2.50,{"data":{},"chunk_id":"ffffffff"}]},"chunk_id":"ID","dat":1,"data":DATA,"chunk_id2":"ffffffff"}`, false},
		"escaped names and id":  {`{"\u0063hunk_id":"ID","d\u0061ta":DATA}`, false},
		"created_by of a kind":  {`{"chunk_id":"ID","created_by":[null],"data":DATA}`, false},
		"a huge member":         {`{"chunk_id":"ID","zzz":"` + strings.Repeat("z", 1<<20) + `","data":DATA}`, false},
		"a long name":           {`{"chunk_id":"ID","` + strings.Repeat("z", 1<<10) + `":1,"data":DATA}`, false},
		"the most members":      {`{"chunk_id":"ID","data":DATA` + members(62) + `}`, false},
		"entry of another":      {`{"chunk_id":"ID","engram_sync_entry":{"id":"ffffffff","created_by":"x","created_at":"2026-11-22T09:14:58Z"},"data":DATA}`, false},
		"entry of no kind":      {`{"chunk_id":"ID","engram_sync_entry":[1],"data":DATA}`, false},
		"entry null":            {`{"chunk_id":"ID","engram_sync_entry":null,"data":DATA}`, false},
		"entry without a time":  {`{"chunk_id":"ID","engram_sync_entry":{"id":"ID"},"data":DATA}`, false},
		"entry with bad counts": {`{"chunk_id":"ID","engram_sync_entry":{"id":"ID","created_at":"2026-11-22T09:14:58Z","memories":-1},"data":DATA}`, false},
		"entry with id twice":   {`{"chunk_id":"ID","engram_sync_entry":{"id":"ID","id":"ID","created_at":"2026-11-22T09:14:58Z"},"data":DATA}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, entry, err := pull(t, chunk, inEnvelope(t, chunk, tc.template), transport.Options{})
			if err != nil || got != chunk.Text {
				t.Errorf("got %q, %v", got, err)
			}
			switch {
			case tc.entry && (entry == nil || *entry != chunk.Entry):
				t.Errorf("entry %v, want %v", entry, chunk.Entry)
			case !tc.entry && entry != nil:
				t.Errorf("entry %v, want none", entry)
			}
		})
	}
}

// members are n members of no meaning, each behind a comma.
func members(n int) string {
	var text strings.Builder
	for i := range n {
		text.WriteString(`,"m` + strings.Repeat("i", i) + `":1`)
	}
	return text.String()
}

// An answer that can be read in two ways, or in none, is damage: content without
// a good end never gets a name.
func TestEnvelopesThatAreDamage(t *testing.T) {
	chunk := wiretest.Sample()
	for name, template := range map[string]string{
		"nothing":                  ``,
		"null":                     `null`,
		"a list":                   `[DATA]`,
		"a string":                 `"DATA`,
		"the bare content":         `DATA`,
		"an empty object":          `{}`,
		"HTML":                     `<html><title>Sign in</title></html>`,
		"no chunk_id":              `{"data":DATA}`,
		"another chunk_id":         `{"chunk_id":"ffffffff","data":DATA}`,
		"chunk_id in upper case":   `{"chunk_id":"` + strings.ToUpper(chunk.ID().String()) + `","data":DATA}`,
		"chunk_id a number":        `{"chunk_id":12345678,"data":DATA}`,
		"chunk_id null":            `{"chunk_id":null,"data":DATA}`,
		"chunk_id in a list":       `{"chunk_id":["ID"],"data":DATA}`,
		"chunk_id huge":            `{"chunk_id":"` + strings.Repeat("f", 1<<17) + `","data":DATA}`,
		"entry huge":               `{"chunk_id":"ID","engram_sync_entry":{"id":"` + strings.Repeat("f", 1<<17) + `"},"data":DATA}`,
		"no data":                  `{"chunk_id":"ID"}`,
		"data null":                `{"chunk_id":"ID","data":null}`,
		"data a list":              `{"chunk_id":"ID","data":[DATA]}`,
		"data a string":            `{"chunk_id":"ID","data":"{}"}`,
		"data a number":            `{"chunk_id":"ID","data":0}`,
		"data empty":               `{"chunk_id":"ID","data":{}}`,
		"data deeper":              `{"chunk_id":"ID","x":{"data":DATA}}`,
		"data twice":               `{"chunk_id":"ID","data":DATA,"data":DATA}`,
		"data twice, null first":   `{"chunk_id":"ID","data":null,"data":DATA}`,
		"chunk_id twice":           `{"chunk_id":"ID","data":DATA,"chunk_id":"ID"}`,
		"twice, escaped":           `{"chunk_id":"ID","data":DATA,"d\u0061ta":{}}`,
		"entry twice":              `{"chunk_id":"ID","engram_sync_entry":ENTRY,"data":DATA,"engram_sync_entry":ENTRY}`,
		"unknown twice":            `{"chunk_id":"ID","x":1,"x":1,"data":DATA}`,
		"other case of data":       `{"chunk_id":"ID","data":DATA,"Data":{}}`,
		"only another case":        `{"chunk_id":"ID","DATA":DATA}`,
		"other case of chunk_id":   `{"Chunk_Id":"ID","chunk_id":"ID","data":DATA}`,
		"Kelvin sign in chunk_id":  `{"chunk_id":"ID","chunK_id":"ID","data":DATA}`,
		"Kelvin sign, escaped":     `{"chunk_id":"ID","chun\u212a_id":"ID","data":DATA}`,
		"long s in the entry":      `{"chunk_id":"ID","engram_ſync_entry":ENTRY,"data":DATA}`,
		"other case of created_by": `{"chunk_id":"ID","Created_By":"x","data":DATA}`,
		"other case of an unknown": `{"chunk_id":"ID","x":1,"X":1,"data":DATA}`,
		"too many members":         `{"chunk_id":"ID","data":DATA` + members(63) + `}`,
		"an unreadable name":       `{"chunk_id":"ID","` + strings.Repeat("z", 254) + `\u0061":1,"data":DATA}`,
		"garbage behind":           `{"chunk_id":"ID","data":DATA}x`,
		"a second object behind":   `{"chunk_id":"ID","data":DATA}{}`,
		"garbage behind data":      `{"chunk_id":"ID","data":DATA}}`,
		"a comma behind":           `{"chunk_id":"ID","data":DATA,}`,
		"cut in data":              `{"chunk_id":"ID","data":` + chunk.Text[:50],
		"cut behind data":          `{"chunk_id":"ID","data":DATA`,
		"cut before data":          `{"chunk_id":"ID",`,
		"too deep":                 `{"chunk_id":"ID","x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `,"data":DATA}`,
		"another content":          `{"chunk_id":"ID","created_by":"dev","data":{"a":1}}`,
		"one byte changed":         strings.Replace(inEnvelope(t, chunk, `{"chunk_id":"ID","data":DATA}`), "1.50", "1.5 ", 1),
		"compressed":               wiretest.Zipped(inEnvelope(t, chunk, `{"chunk_id":"ID","data":DATA}`)),
		"too much around":          `{"x":"` + strings.Repeat("x", 52_428_800) + `","chunk_id":"ID","data":DATA}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, entry, err := pull(t, chunk, inEnvelope(t, chunk, template), transport.Options{})
			if entry != nil {
				t.Errorf("entry %v", entry)
			}
			wiretest.OneClass(t, err, engram.ErrDamaged)
			wiretest.OneLine(t, err)
		})
	}
}

// The size of the content is bounded, whatever the server sends.
func TestTheContentIsBounded(t *testing.T) {
	chunk := wiretest.Large(100 << 10)
	size := int64(len(chunk.Text))
	if _, _, err := pull(t, chunk, chunk.Envelope(t), transport.Options{MaxChunkBytes: size}); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	got, _, err := pull(t, chunk, chunk.Envelope(t), transport.Options{MaxChunkBytes: size - 1})
	wiretest.OneClass(t, err, engram.ErrDamaged)
	if int64(len(got)) >= size {
		t.Errorf("%d bytes were given out", len(got))
	}
}

// Errors of the store are the caller's own.
func TestErrorsOfTheStorePassThrough(t *testing.T) {
	chunk := wiretest.Sample()
	closed := 0
	remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
		resp := wiretest.Answer(req, http.StatusOK, chunk.Envelope(t))
		resp.Body = &closeCount{resp.Body, &closed}
		return resp, nil
	})})
	for name, store := range map[string]transport.StoreFunc{
		"fails at once": func(*engram.Chunk) error { return wiretest.ErrDisk },
		"fails half-way": func(c *engram.Chunk) error {
			_, _ = c.Read(make([]byte, 10))
			return wiretest.ErrDisk
		},
	} {
		if _, err := remote.ReadChunk(t.Context(), chunk.ID(), store); !errors.Is(err, wiretest.ErrDisk) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if entry, err := remote.ReadChunk(t.Context(), chunk.ID(), func(*engram.Chunk) error { return nil }); err == nil || entry != nil {
		t.Errorf("a store that does not read gave %v, %v", entry, err)
	}
	if closed != 3 {
		t.Errorf("%d of 3 bodies closed", closed)
	}
}

type closeCount struct {
	io.ReadCloser
	closed *int
}

func (c *closeCount) Close() error {
	*c.closed++
	return c.ReadCloser.Close()
}

package account_test

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// reduce is what the reference client sends for a chunk.
func reduce(t *testing.T, c wiretest.Chunk) (body, data string) {
	t.Helper()
	text, err := wiretest.Reduce([]byte(c.Text))
	if err != nil {
		t.Fatal(err)
	}
	return `{"chunk_id":"` + c.ID().String() + `","created_by":"dev","data":` + string(text) + "}", string(text)
}

// Real chunks, as the reference client pushes them: told apart from damage, and
// readable under the id of their real bytes.
func TestReducedChunksAreRecognised(t *testing.T) {
	for _, dir := range fixtures.ChunkDirs() {
		_, chunks := wiretest.ReadFixture(t, dir)
		for id, chunk := range chunks {
			t.Run(filepath.Base(filepath.Dir(dir))+" "+id.String(), func(t *testing.T) {
				body, data := reduce(t, chunk)
				actual := engram.IDOf(sha256.Sum256([]byte(data)))
				_, entry, err := pull(t, chunk, body, transport.Options{})
				var reduced *engram.ReducedError
				if !errors.As(err, &reduced) || reduced.ID != id || reduced.Actual != actual || entry != nil {
					t.Errorf("got %v, entry %v", err, entry)
				}
				wiretest.OneLine(t, err)
				got, given, err := pullReduced(t, id, body)
				if err != nil || got != data || given != actual {
					t.Errorf("got %q as %s, %v", got, given, err)
				}
			})
		}
	}
}

// pullReduced reads what a server answers with ReadReduced.
func pullReduced(t *testing.T, id engram.ChunkID, body string) (got string, given engram.ChunkID, err error) {
	t.Helper()
	remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
		return wiretest.Answer(req, http.StatusOK, body), nil
	})})
	err = remote.ReadReduced(t.Context(), id, func(c *engram.Chunk) error {
		err := wiretest.Into(&got)(c)
		if err == nil {
			given = c.ID()
		}
		return err
	})
	return got, given, err
}

// What is not of exactly that shape is damage: it must not get in by a side door.
func TestNearlyReducedIsDamage(t *testing.T) {
	const session = `{"id":"s","project":"p","directory":"/d"}`
	const observation = `{"session_id":"s","type":"note","title":"t","content":"c"}`
	const prompt = `{"session_id":"s","content":"c"}`
	lists := func(sessions, observations, prompts string) string {
		return `{"sessions":` + sessions + `,"observations":` + observations + `,"prompts":` + prompts + `}`
	}
	whole := lists("["+session+"]", "["+observation+"]", "["+prompt+"]")
	around := func(data string) string { return `{"chunk_id":"ID","created_by":"dev","data":` + data + `}` }
	id := wiretest.Sample().ID()
	good := strings.ReplaceAll(around(whole), "ID", id.String())
	if _, _, err := pullReduced(t, id, good); err != nil {
		t.Fatalf("what the others differ from: %v", err)
	}
	add := func(row, member string) string { return row[:len(row)-1] + "," + member + "}" }
	for name, body := range map[string]string{
		"an entry member":         `{"chunk_id":"ID","created_by":"dev","engram_sync_entry":{},"data":` + whole + `}`,
		"an extra member":         `{"chunk_id":"ID","created_by":"dev","zzz":1,"data":` + whole + `}`,
		"no created_by":           `{"chunk_id":"ID","data":` + whole + `}`,
		"another chunk":           `{"chunk_id":"ffffffff","created_by":"dev","data":` + whole + `}`,
		"no rows":                 around(lists("null", "null", "[]")),
		"an empty object":         around(`{}`),
		"another list":            around(add(whole, `"mutations":[]`)),
		"a list twice":            around(add(whole, `"prompts":[`+prompt+`]`)),
		"a list by another case":  around(strings.Replace(whole, "prompts", "Prompts", 1)),
		"a list by escapes":       around(strings.Replace(whole, "prompts", `prompt\u0073`, 1)),
		"an object for a list":    around(lists("["+session+"]", "{}", "null")),
		"a string for a list":     around(lists("["+session+"]", `""`, "null")),
		"null for a row":          around(lists("["+session+",null]", "null", "null")),
		"a list for a row":        around(lists("[["+session+"]]", "null", "null")),
		"a sync_id":               around(lists("null", "["+add(observation, `"sync_id":"obs-1"`)+"]", "null")),
		"a created_at":            around(lists("null", "null", "["+add(prompt, `"created_at":"2026-11-22 09:14:57"`)+"]")),
		"a number for a string":   around(lists("null", "["+strings.Replace(observation, `"t"`, "1", 1)+"]", "null")),
		"null for a string":       around(lists("null", "["+add(observation, `"project":null`)+"]", "null")),
		"an object for a string":  around(lists("null", "["+add(observation, `"project":{}`)+"]", "null")),
		"a member missing":        around(lists("null", `[{"session_id":"s","type":"note","title":"t"}]`, "null")),
		"a member twice":          around(lists("null", "["+add(observation, `"title":"t"`)+"]", "null")),
		"a member by other case":  around(lists("null", "["+strings.Replace(observation, `"title"`, `"Title"`, 1)+"]", "null")),
		"a row of another list":   around(lists("null", "["+prompt+"]", "null")),
		"an empty row":            around(lists("[{}]", "null", "null")),
		"the last of many is odd": around(lists("["+strings.Repeat(session+",", 100)+add(session, `"n":1`)+"]", "null", "null")),
	} {
		t.Run(name, func(t *testing.T) {
			body := strings.ReplaceAll(body, "ID", id.String())
			_, _, err := pullReduced(t, id, body)
			wiretest.OneClass(t, err, engram.ErrDamaged)
			_, _, err = pull(t, wiretest.Sample(), body, transport.Options{})
			wiretest.OneClass(t, err, engram.ErrDamaged)
			var reduced *engram.ReducedError
			if errors.As(err, &reduced) {
				t.Errorf("taken for a reduced chunk: %v", err)
			}
		})
	}
}

// A chunk of ours that is damaged is not taken for a reduced one.
func TestDamageInAWholeChunkIsNotReduced(t *testing.T) {
	for _, dir := range fixtures.ChunkDirs() {
		_, chunks := wiretest.ReadFixture(t, dir)
		for id, chunk := range chunks {
			body := strings.Replace(chunk.Envelope(t), "summary", "Summary", 1)
			_, _, err := pull(t, chunk, body, transport.Options{})
			wiretest.OneClass(t, err, engram.ErrDamaged)
			if _, _, err := pullReduced(t, id, body); !errors.Is(err, engram.ErrDamaged) {
				t.Errorf("%s: got %v", id, err)
			}
		}
	}
}

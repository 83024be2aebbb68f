package engram_test

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/rowstream"
)

// Whoever listens hears all rows, however somebody else reads the chunk, and knows whether these were all.
func TestListen(t *testing.T) {
	const text = `{"sessions":[{"id":"s"}],"observations":[{"id":1},{"id":2}],"prompts":null}`
	lists := []string{"sessions", "observations", "prompts"}
	all := func(c *engram.Chunk) error {
		_, err := io.Copy(io.Discard, c)
		return err
	}
	readLists := func(lists ...string) func(c *engram.Chunk) error {
		return func(c *engram.Chunk) error {
			return engram.ReadLists(c, func(string, int, json.RawMessage) {}, lists...)
		}
	}
	for name, test := range map[string]struct {
		text  string
		read  func(*engram.Chunk) error
		rows  int
		heard string // what end hears: "all", an error's text, or "" for nothing
	}{
		"the bytes": {text, all, 3, "all"},
		"a byte at a time": {text, func(c *engram.Chunk) error {
			_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, c, make([]byte, 1))
			return err
		}, 3, "all"},
		"the same rows":        {text, readLists(lists...), 3, "all"},
		"members of the rows":  {text, func(c *engram.Chunk) error { return engram.ReadMembers(c, func(rowstream.Row) {}, lists...) }, 3, "all"},
		"a decoder":            {text, func(c *engram.Chunk) error { _, err := engram.ReadContents(c); return err }, 3, "all"},
		"rows of other lists":  {text, readLists("sessions"), 0, ""},
		"the first bytes only": {text, func(c *engram.Chunk) error { _, err := c.Read(make([]byte, 40)); return err }, 1, ""},
		"a list that is none":  {strings.Replace(text, "null", "7", 1), all, 3, "prompts: not a list"},
		"something else":       {strings.Replace(text, "2}", "3}", 1), all, 3, "hash"},
		"half of it":           {text[:40], all, 1, "content"},
	} {
		t.Run(name, func(t *testing.T) {
			id := idOf(test.text)
			if name == "something else" || name == "half of it" {
				id = idOf(text)
			}
			c := engram.NewChunk(id, io.NopCloser(strings.NewReader(test.text)), 1<<20)
			rows, heard := 0, []error(nil)
			c.Listen(func(rowstream.Row) { rows++ }, func(err error) { heard = append(heard, err) }, lists...)
			err := test.read(c)
			if closeErr := c.Close(); closeErr != nil {
				t.Fatal(closeErr)
			}
			if rows != test.rows {
				t.Errorf("heard %d rows, not %d", rows, test.rows)
			}
			switch {
			case test.heard == "" && len(heard) == 0:
			case test.heard == "" || len(heard) != 1:
				t.Errorf("heard %v of the end", heard)
			case test.heard == "all" && heard[0] != nil, test.heard != "all" && (heard[0] == nil || !strings.Contains(heard[0].Error(), test.heard)):
				t.Errorf("heard %v of the end, not %s", heard[0], test.heard)
			case (err == nil) != c.Verified(), errors.Is(heard[0], engram.ErrDamaged) && c.Verified():
				t.Errorf("read: %v, verified %t", err, c.Verified())
			}
		})
	}
}

package transport_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// tagged is a server whose list has a tag.
type tagged struct {
	text, tag string
	broken    bool // the list ends in its middle
	statuses  []int
}

func (s *tagged) answer(req *http.Request) (*http.Response, error) {
	status, text := http.StatusOK, s.text
	switch {
	case req.Header.Get("If-None-Match") == s.tag:
		status, text = http.StatusNotModified, ""
	case s.broken:
		text = text[:len(text)/2]
	}
	s.statuses = append(s.statuses, status)
	return wiretest.Answer(req, status, text, "ETag: "+s.tag, fmt.Sprint("Content-Length: ", len(s.text))), nil
}

func listOf(n int) string {
	entries := make([]string, n)
	for i := range entries {
		entries[i] = fmt.Sprintf(`{"id":"%08x","created_by":"ana","created_at":"2026-11-22T08:42:23Z","sessions":1,"memories":2,"prompts":3}`, i)
	}
	return `{"chunks":[` + strings.Join(entries, ",") + `],"version":1}` + "\n"
}

// A list that is still the same is not sent again, whoever reads it: what was kept is believed
// as far as it is what was kept.
func TestAListThatIsStillTheSame(t *testing.T) {
	root := state.In(t.TempDir())
	server := &tagged{text: listOf(400), tag: `"one"`}
	var kept string // the path of the list
	reads := func(root state.Root, want int, statuses ...int) {
		t.Helper()
		server.statuses = nil
		m, err := wiretest.Dial(t, wiretest.Somewhere, transport.Options{
			Base: wiretest.Base(server.answer), Lists: state.ListsOf(root, wiretest.Somewhere),
		}).ReadManifest(t.Context())
		if err != nil && want >= 0 || err == nil && len(m.Entries()) != want {
			t.Errorf("%v, with %v of %d entries", err, m, want)
		}
		if !slices.Equal(server.statuses, statuses) {
			t.Errorf("the server answered %v, not %v", server.statuses, statuses)
		}
	}
	damage := func(change func(text []byte) []byte) {
		t.Helper()
		text, err := os.ReadFile(kept)
		if err == nil {
			err = os.WriteFile(kept, change(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	reads(root.OnlyLook(), 400, 200)
	reads(root, 400, 200) // who only looks keeps nothing
	reads(root, 400, 304)
	reads(root.OnlyLook(), 400, 304)
	files, err := filepath.Glob(root.Path("lists", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("kept are %v, %v", files, err)
	}
	kept = files[0]

	server.text, server.tag = listOf(500), `"two"`
	server.broken = true
	reads(root, -1, 200)
	server.broken, server.text, server.tag = false, listOf(400), `"one"`
	reads(root, 400, 304) // a list that broke off took no one's place
	server.text, server.tag = listOf(500), `"two"`
	reads(root, 500, 200)
	reads(root, 500, 304)

	for name, change := range map[string]func([]byte) []byte{
		"another entry": func(text []byte) []byte {
			return []byte(strings.Replace(string(text), `"memories":2`, `"memories":7`, 1))
		},
		"a cut":           func(text []byte) []byte { return text[:len(text)-1] },
		"a cut in a line": func(text []byte) []byte { return text[:len(text)/2] },
	} {
		damage(change)
		reads(root, 500, 304, 200)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	damage(func([]byte) []byte { return nil })
	reads(root, 500, 200)

	server.text, server.tag = listOf(3), `"three"`
	reads(root, 3, 200)
	reads(root, 3, 200) // so little is not kept
}

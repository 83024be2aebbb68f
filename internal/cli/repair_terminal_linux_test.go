package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAnEntryGoesOnlyWhenSomebodySaysSo asks at a terminal about a chunk that is
// nowhere: only a yes removes its entry.
func TestAnEntryGoesOnlyWhenSomebodySaysSo(t *testing.T) {
	t.Parallel()
	s := newWatchedServer(t)
	u := newUser(t, s.url, s.token)
	dir := filepath.Join(u.where, ".engram")
	kept, err := storeChunk(dir, []byte(`{"sessions":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	const gone = "00000000"
	if err := storeManifest(dir, []string{kept, gone, "00000001"}); err != nil {
		t.Fatal(err)
	}
	manifest := filepath.Join(dir, "manifest.json")
	listed := func(id string) bool {
		text, err := os.ReadFile(manifest)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(text), id)
	}
	const question = "Remove 2 entries from the manifest? [y/N]: "

	// the remote may have it, so nobody is asked
	p := u.atTerminal("verify", "--repair", "--dir", dir)
	p.ends(7)
	p.hides(question)
	for _, no := range []string{"", "n", "what"} {
		p := u.atTerminal("verify", "--repair", "--dir", dir, "--remote", s.url)
		p.answer(question, no)
		p.ends(7)
	}
	p = u.atTerminal("verify", "--repair", "--dir", dir, "--remote", s.url)
	p.until(question)
	p.typed("\x03")
	p.ends(130)
	if !listed(gone) {
		t.Fatal("the entry went without a yes")
	}
	p = u.atTerminal("verify", "--repair", "--dir", dir, "--remote", s.url)
	p.answer(question, "y")
	p.ends(0)
	p.shows(gone + ": removed")
	p.shows("the manifest as it was: ")
	if listed(gone) || !listed(kept) {
		t.Errorf("listed: %t, %t; want only the second", listed(gone), listed(kept))
	}
	u.run(0, "verify", "--dir", dir)
}

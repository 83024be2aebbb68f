//go:build unix

package cli

import (
	"bufio"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
)

// browse starts browse and gives its address. end sends Ctrl-C, and wants the code of that.
func (u *user) browse(args ...string) (url string, end func()) {
	u.t.Helper()
	cmd := u.command(append([]string{"browse", "--no-open"}, args...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		u.t.Fatal(err)
	}
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	url, err = lines.ReadString('\n')
	if err != nil {
		_ = cmd.Wait() // what it said is the reason
		u.t.Fatalf("it printed no address: %s", errs.String())
	}
	return strings.TrimSpace(url), func() {
		u.t.Helper()
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			u.t.Fatal(err)
		}
		rest, _ := io.ReadAll(lines) // to its end
		_ = cmd.Wait()               // its code says how it ended
		if code := cmd.ProcessState.ExitCode(); code != problem.OK || len(rest) > 0 || strings.Contains(errs.String(), "interrupted") {
			u.t.Errorf("it ended with %d, and %q: %s", code, rest, errs.String())
		}
	}
}

// read gives a page.
func (u *user) read(url string) string {
	u.t.Helper()
	r, err := http.NewRequestWithContext(u.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		u.t.Fatal(err)
	}
	w, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		u.t.Fatal(err)
	}
	defer func() { _ = w.Body.Close() }() // only read
	text, err := io.ReadAll(w.Body)
	if err != nil || w.StatusCode != http.StatusOK {
		u.t.Fatalf("%s: %d %v", url, w.StatusCode, err)
	}
	return string(text)
}

// Browse shows the directory, what comes into it meanwhile, and what is wrong with a chunk; and the vault as a remote.
func TestBrowse(t *testing.T) {
	t.Parallel()
	u := newUser(t, "", "")
	dir := filepath.Join(u.where, ".engram")
	store := func(text string, before ...string) []string {
		id, err := storeChunk(dir, []byte(text))
		if err == nil {
			err = storeManifest(dir, append(before, id))
		}
		if err != nil {
			t.Fatal(err)
		}
		return append(before, id)
	}
	ids := store(`{"sessions":[],"observations":[{"sync_id":"o1","type":"note","title":"The first","content":"alpha"}],"prompts":[]}`)
	url, end := u.browse("--dir", dir)
	if text := u.read(url); !strings.Contains(text, "The first") || strings.Contains(text, "The second") {
		t.Error(text)
	}
	store(`{"sessions":[],"observations":[{"sync_id":"o2","type":"note","title":"The second","content":"beta"}],"prompts":[]}`, ids...)
	for !strings.Contains(u.read(url+"search?q=beta"), "The second") { // which it looks for once a second
	}
	if text := u.read(url + "chunk?id=" + ids[0]); !strings.Contains(text, "alpha") {
		t.Error(text)
	}
	end()

	u.run(0, "push", "--remote", "embedded", "--init", "--dir", dir)
	url, end = u.browse("--remote", "embedded", "--dir", filepath.Join(t.TempDir(), ".engram"))
	if text := u.read(url + "memory?id=o2"); !strings.Contains(text, "beta") {
		t.Error(text)
	}
	end()
}

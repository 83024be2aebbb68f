package cli

import (
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/testkit/pages"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
)

// Blocks that are skipped prove nothing: each has a reason on its page, and there are not many.
const maxSkipped = 22

// prelude is what the pages' shell knows. The program of engram is no part of this project, so it does nothing here.
const prelude = `
repository() { # [NAME]: a git repository with the chunks that engram 1.20 has written for the project tidewatch
	mkdir -p "${1:-tidewatch}"; cd "${1:-tidewatch}"; git init -q -b main
	git remote add origin "https://git.example.com/team/${1:-tidewatch}.git"
	cp -R "$FIXTURES/engram-1.20/.engram" .
}
database() { # the database of engram that those chunks came from
	mkdir -p "$HOME/.engram"; cp "$FIXTURES/engram-1.20/engram.db" "$HOME/.engram"
}
teammate() { # somebody has pushed one chunk more
	(cd "$HOME"; mkdir -p bo; cp -R "$FIXTURES/engram-2-like/.engram" bo
	ENGRAM_SYNC_TOKEN=$ANA_TOKEN engram-sync push --quiet --remote https://engram.example.com --dir bo/.engram "$(ls bo/.engram/chunks | head -n 1 | cut -c1-8)")
}
engram() { :; }
`

// TestPages runs what the pages show, page by page and from top to bottom: in an empty home, beside an account server
// (https://engram.example.com, with the account ana), a project server (https://cloud.example.com, with every project) and a
// port for a server that the page starts itself. CONTRIBUTING.md says how a page speaks to the test.
func TestPages(t *testing.T) {
	skipLong(t)
	top := filepath.Join("..", "..")
	paths, err := filepath.Glob(filepath.Join(top, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	counts, skipped := map[pages.Result]int{}, []string{}
	note := func(b pages.Block, result pages.Result) {
		mu.Lock()
		defer mu.Unlock()
		counts[result]++
		if result == pages.Skipped {
			skipped = append(skipped, b.Page+": "+b.Note.Skip+b.Note.Needs)
		}
	}
	texts := map[string]string{}
	for _, path := range append(paths, filepath.Join(top, "README.md"), filepath.Join(top, "CONTRIBUTING.md")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(top, path)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	fixtures, err := filepath.Abs(filepath.Join(top, "testdata", "fixtures"))
	if err != nil {
		t.Fatal(err)
	}
	t.Parallel() // not before: a test beside it may change the directory
	t.Run("each", func(t *testing.T) {
		for name, text := range texts {
			t.Run(filepath.Base(name), func(t *testing.T) {
				t.Parallel()
				blocks, err := pages.Blocks(name, text)
				if err != nil {
					t.Fatal(err)
				}
				if len(blocks) == 0 {
					return
				}
				shell := newPageShell(t, fixtures)
				for _, b := range blocks {
					result, err := shell.Play(t.Context(), b)
					note(b, result)
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
	})
	t.Logf("blocks: %v; skipped:\n%s", counts, strings.Join(skipped, "\n"))
	if len(skipped) > maxSkipped {
		t.Errorf("%d blocks are skipped, more than %d", len(skipped), maxSkipped)
	}
}

// newPageShell makes the machine that a page is read at.
func newPageShell(t *testing.T, fixtures string) *pages.Shell {
	t.Helper()
	root := t.TempDir()
	home := filepath.Join(root, "home", "ana")
	for _, dir := range []string{home, filepath.Join(root, "srv"), filepath.Join(root, "backup")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	srv, err := server.Open(t.Context(), server.Options{Dir: filepath.Join(root, "account-server")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	account := httptest.NewServer(srv.Handler())
	t.Cleanup(account.Close)
	token, err := registerUser(account.URL, "ana")
	if err != nil {
		t.Fatal(err)
	}
	project := httptest.NewServer(projectserver.New(projectserver.Options{Token: "cloud-token", Projects: []string{"*"}}))
	t.Cleanup(project.Close)
	env := []string{
		"PATH=" + os.Getenv("PATH"), "FIXTURES=" + fixtures, "ANA_TOKEN=" + token, "CLOUD_TOKEN=cloud-token", "USER=ana",
		"HTTPS_PROXY=http://127.0.0.1:1", "HTTP_PROXY=http://127.0.0.1:1", "NO_PROXY=127.0.0.1", // nothing leaves this machine
		"GIT_AUTHOR_NAME=Ana", "GIT_AUTHOR_EMAIL=ana@example.com", "GIT_COMMITTER_NAME=Ana", "GIT_COMMITTER_EMAIL=ana@example.com",
	}
	for key, value := range homeAt(home) {
		env = append(env, key+"="+value)
	}
	shell := pages.NewShell(root, home, env, map[string]string{
		"https://engram.example.com": account.URL,
		"https://cloud.example.com":  project.URL,
		"127.0.0.1:8765":             freeAddress(t),
	})
	shell.Prelude = prelude
	t.Cleanup(shell.Close)
	return shell
}

// freeAddress is one that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

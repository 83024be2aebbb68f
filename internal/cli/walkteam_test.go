//go:build unix

package cli

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/adrg/xdg"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/merge"
	"github.com/engram-sync/engram-sync/internal/terminal"
	imports "github.com/engram-sync/engram-sync/internal/testkit/importer"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// walk is a team on its way. Its clock counts seconds, and no two changes have one time.
type walk struct {
	*testing.T
	*rand.Rand

	kind     string
	atOnce   string // transfers
	git      bool
	server   *watchedServer
	project  *projectserver.Server
	machines []*walker
	clock    int
	ordered  bool // whoever edits a row later has edited it more often, too
	truth    map[imports.Name]verdict
	texts    map[string]bool // that anybody ever wrote
	related  map[string]bool // rows that are never deleted for good, since a relation may need them
	log      []string

	mu       sync.Mutex
	handler  http.Handler
	requests int
	fault    func(n int, w http.ResponseWriter, r *http.Request) (done bool)
	working  sync.WaitGroup
}

// verdict is the last thing that anybody did to a row.
type verdict struct {
	at, text string
	state    string // "", "deleted" or "removed"
}

// walker is one machine.
type walker struct {
	*desk

	name    string
	g       engram.Generation
	db      *imports.Database
	journal []string // statements
	empty   []byte
}

func newWalk(t *testing.T, seed uint64) *walk {
	w := &walk{T: t, Rand: rand.New(rand.NewPCG(seed, 0)), truth: map[imports.Name]verdict{}, texts: map[string]bool{}, related: map[string]bool{}} //nolint:gosec // to be repeated
	w.atOnce = []string{"8", "1"}[seed%2]
	kinds := []string{"account", string(projectserver.Release1161), string(projectserver.Release120), string(projectserver.Release3)}
	w.kind, w.git, w.ordered = kinds[w.IntN(len(kinds))], w.IntN(2) == 0, true
	if w.kind == "account" {
		real := newWatchedServer(t)
		w.handler = real.handler
		w.server = watched(t, http.HandlerFunc(w.serve), real.token)
	} else {
		w.project = projectserver.New(projectserver.Options{Token: "secret-token", Projects: []string{"repo"}, Release: projectserver.Release(w.kind), Now: func() time.Time {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.now()
		}})
		w.handler = w.project
		w.server = watched(t, http.HandlerFunc(w.serve), "secret-token")
	}
	generations := [][]engram.Generation{{engram.Gen1, engram.Gen1, engram.Gen1}, {engram.Gen2, engram.Gen2, engram.Gen3}, {engram.Gen1, engram.Gen2, engram.Gen3}}[w.IntN(3)]
	for i := range 2 + w.IntN(2) {
		w.machines = append(w.machines, w.newWalker(string(rune('A'+i)), generations[i]))
	}
	w.note("kind %s, git %v, generations %v", w.kind, w.git, generations[:len(w.machines)])
	for _, m := range w.machines {
		w.add(m)
		w.well(m, "export")
	}
	return w
}

func (w *walk) newWalker(name string, g engram.Generation) *walker {
	m := &walker{name: name, g: g, db: imports.NewDatabase(),
		desk: newDesk(w.T, map[engram.Generation]string{engram.Gen1: "1.20", engram.Gen2: "2-like", engram.Gen3: "2-like"}[g])}
	m.dropRows(g)
	m.env = slices.DeleteFunc(m.env, func(pair string) bool { return strings.HasPrefix(pair, "ENGRAM_SYNC_") || pair == "USER=alice" })
	m.env = append(m.env, "ENGRAM_SYNC_REMOTE="+w.server.url, "ENGRAM_SYNC_TOKEN="+w.server.token, "USER="+name)
	var err error
	if m.empty, err = os.ReadFile(filepath.Join(m.data, "engram.db")); err != nil {
		w.Fatal(err)
	}
	return m
}

func (w *walk) now() time.Time {
	return time.Date(2026, 11, 1, 10, 0, w.clock, 0, time.UTC)
}

// tick is the next moment, as engram writes it.
func (w *walk) tick() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock++
	return w.now().Format(time.DateTime)
}

func (w *walk) note(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf("%4d ", w.clock)+fmt.Sprintf(format, args...))
}

// serve counts requests, and lets faults happen to some.
func (w *walk) serve(rw http.ResponseWriter, r *http.Request) {
	w.working.Add(1)
	defer w.working.Done()
	w.mu.Lock()
	w.requests++
	n, fault := w.requests, w.fault
	w.mu.Unlock()
	if fault == nil || !fault(n, rw, r) {
		w.handler.ServeHTTP(rw, r)
	}
}

// run runs a command in this process.
func (w *walk) run(ctx context.Context, m *walker, args ...string) (code int, said string) {
	w.Helper()
	for _, pair := range m.env {
		name, value, _ := strings.Cut(pair, "=")
		if name == "HOME" || strings.HasPrefix(name, "XDG_") {
			w.Setenv(name, value)
		}
	}
	xdg.Reload()
	w.Chdir(m.repo) // not -C, which would stay for the tests that follow
	var out lockedBuffer
	term := terminal.New(strings.NewReader(""), &out, &out)
	code = run(ctx, term, workspace.New(term, m.env, "test"), append([]string{"--project", "repo", "--retries", "0", "-j", w.atOnce}, args...))
	w.working.Wait()
	said = strings.TrimSpace(out.String())
	w.note("%s %s: %d %s", m.name, strings.Join(args, " "), code, said)
	return code, said
}

// well runs a command that has to succeed.
func (w *walk) well(m *walker, args ...string) string {
	w.Helper()
	code, said := w.run(w.Context(), m, args...)
	if code != 0 {
		w.Errorf("%s %v: %d %s", m.name, args, code, said)
	}
	if left := leftovers(w.T, m.dir()); len(left) > 0 {
		w.Errorf("%s %v left %v", m.name, args, left)
	}
	return said
}

// keep writes the database of a machine anew.
func (m *walker) keep() {
	for _, suffix := range []string{"-wal", "-shm"} {
		_ = os.Remove(filepath.Join(m.data, "engram.db"+suffix))
	}
	if err := os.WriteFile(filepath.Join(m.data, "engram.db"), m.empty, 0o600); err != nil {
		m.t.Fatal(err)
	}
	m.store(m.db)
	if len(m.journal) > 0 {
		m.sql("%s", strings.Join(m.journal, ";"))
	}
}

// imported is engram's import; changed says whether it changed anything.
func (w *walk) imported(m *walker) (changed bool) {
	dir, err := imports.Load(m.dir())
	if err != nil {
		w.Fatal(err)
	}
	before := fmt.Sprint(importedOf(m.db))
	out := imports.Import(m.g, dir, m.db)
	w.note("%s imports: %+v", m.name, out)
	if out.Exit() != 0 {
		w.Errorf("%s: the import ends badly: %+v", m.name, out)
	}
	m.keep()
	return before != fmt.Sprint(importedOf(m.db))
}

// merge is `git pull` of another clone.
func (w *walk) merge(m, from *walker) (changed bool) {
	if m == from {
		return false
	}
	manifest := func(dir string) []byte {
		text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
		if os.IsNotExist(err) {
			return []byte(`{"version":1,"chunks":[]}`)
		}
		return text
	}
	ours, theirs := manifest(m.dir()), manifest(from.dir())
	merged, err := merge.Manifests([]byte(`{"version":1,"chunks":[]}`), ours, theirs)
	if err != nil {
		w.Fatal(err)
	}
	if len(merged.Conflicts) > 0 {
		merged.Text = merge.WholeConflict(ours, theirs)
	}
	w.note("%s merges %s, %d conflicts", m.name, from.name, len(merged.Conflicts))
	files, _ := filepath.Glob(filepath.Join(from.dir(), "chunks", "*.gz"))
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err = errors.Join(err, os.WriteFile(filepath.Join(m.dir(), "chunks", filepath.Base(file)), content, 0o600)); err != nil {
			w.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(m.dir(), "manifest.json"), merged.Text, 0o600); err != nil {
		w.Fatal(err)
	}
	if len(merged.Conflicts) > 0 {
		w.well(m, "verify", "--repair")
	}
	return string(ours) != string(manifest(m.dir()))
}

// faulty is a run that something happens to: it is cut off, or a request fails.
func (w *walk) faulty(m *walker) {
	ctx, cancel := context.WithCancelCause(w.Context())
	defer cancel(nil)
	command := []string{"push", "pull", "sync"}[w.IntN(3)]
	at, how := 1+w.IntN(5), []string{"cut before", "cut after", "500", "403"}[w.IntN(4)]
	w.mu.Lock()
	w.requests = 0
	w.fault = func(n int, rw http.ResponseWriter, r *http.Request) bool {
		switch {
		case n != at:
			return false
		case how == "cut before":
			cancel(errors.New("cut"))
		case how == "cut after":
			w.handler.ServeHTTP(rw, r)
			cancel(errors.New("cut"))
		default:
			status, _ := strconv.Atoi(how)
			http.Error(rw, "no", status)
		}
		return true
	}
	w.mu.Unlock()
	w.note("%s: %s of request %d", m.name, how, at)
	w.run(ctx, m, command)
	w.mu.Lock()
	w.fault = nil
	w.mu.Unlock()
	m.minuteLater()
}

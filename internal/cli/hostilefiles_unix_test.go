//go:build !windows

package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/adrg/xdg"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// hostilePlaces are where a clone can have anything, and whether a directory belongs there.
var hostilePlaces = []struct {
	path string
	dir  bool
}{
	{".engram", true}, {".engram/chunks", true}, {".engram/manifest.json", false}, {".engram/chunks/CHUNK.jsonl.gz", false},
	{".engram/config.json", false}, {".engram-sync.yaml", false}, {".gitattributes", false},
}

// hostileKinds are what can lie there. outside is a directory that has the same things in it.
var hostileKinds = []struct {
	name  string
	plant func(path, outside string, dir bool) error
}{
	{"link out", func(path, outside string, dir bool) error {
		if dir {
			return os.Symlink(filepath.Join(outside, "dir"), path)
		}
		return os.Symlink(filepath.Join(outside, "file"), path)
	}},
	{"link to nothing", func(path, outside string, _ bool) error {
		return os.Symlink(filepath.Join(outside, "new"), path)
	}},
	{"link to a device", func(path, _ string, _ bool) error { return os.Symlink("/dev/zero", path) }},
	{"pipe", func(path, _ string, _ bool) error { return syscall.Mkfifo(path, 0o644) }},
	{"socket", func(path, outside string, _ bool) error {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(outside, "s"), Net: "unix"})
		if err != nil {
			return err
		}
		l.SetUnlinkOnClose(false)
		return errors.Join(l.Close(), os.Rename(filepath.Join(outside, "s"), path)) // a socket's own path must be short
	}},
	{"other", func(path, _ string, dir bool) error { // a file for a directory, and the other way round
		if dir {
			return os.WriteFile(path, nil, 0o644)
		}
		return os.Mkdir(path, 0o755)
	}},
	{"huge", func(path, _ string, _ bool) error {
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			return err
		}
		return os.Truncate(path, 1<<40)
	}},
}

var hostileCommands = []string{
	"status", "push", "pull", "sync", "verify", "verify --repair", "export", "doctor", "merge-driver --install", "merge-driver --uninstall", "trust",
}

var updateHostile = flag.Bool("update-hostile", false, "write the table of hostile files anew")

// TestHostileFiles puts everything that is no file of ours into every place where a clone can
// have it, and runs what reads or writes there: each ends soon, with a code, and in a
// line; and nothing outside of the work tree changes.
func TestHostileFiles(t *testing.T) {
	skipLong(t)
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	golden, err := filepath.Abs(filepath.Join("testdata", "hostile_files.txt")) // commands go elsewhere
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	account := newWatchedServer(t)
	home := t.TempDir()
	env := []string{"PATH=" + os.Getenv("PATH"), "ENGRAM_SYNC_REMOTE=" + account.url, "ENGRAM_SYNC_TOKEN=" + account.token,
		"ENGRAM_DATA_DIR=" + filepath.Join(home, "data"), "GIT_CONFIG_NOSYSTEM=1", "USER=alice"}
	for key, value := range homeAt(home) {
		t.Setenv(key, value)
		env = append(env, key+"="+value)
	}
	xdg.Reload()
	t.Cleanup(xdg.Reload)
	if err := copyDatabase("1.16.1", filepath.Join(home, "data")); err != nil {
		t.Fatal(err)
	}
	table := []string{fmt.Sprintf("%-32s%-18s%s", "", "", strings.Join(hostileCommands, ", "))}
	for _, place := range hostilePlaces {
		for _, kind := range hostileKinds {
			if place.dir && kind.name == "huge" {
				continue
			}
			row := fmt.Sprintf("%-32s%-18s", place.path, kind.name)
			for _, command := range hostileCommands {
				h := newHostile(t, env)
				h.plant(place.path, place.dir, kind.plant)
				row += h.run(command, place.path+", "+kind.name) + " "
			}
			table = append(table, strings.TrimSpace(row))
		}
	}
	if *updateHostile {
		if err := os.WriteFile(golden, []byte(strings.Join(table, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(want) != len(table) {
		t.Fatalf("%s has %d rows, and there are %d: -update-hostile writes it anew", golden, len(want), len(table))
	}
	for i := range want {
		wants, gots := strings.Fields(want[i]), strings.Fields(table[i])
		if !slices.Equal(wants, gots) {
			t.Errorf("-%s\n+%s", want[i], table[i])
		}
	}
}

// hostile is one clone, beside what it must not reach.
type hostile struct {
	t             *testing.T
	env           []string
	repo, outside string
	before        []string // what is outside
}

func newHostile(t *testing.T, env []string) *hostile {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h := &hostile{t: t, env: env, repo: filepath.Join(root, "repo"), outside: filepath.Join(root, "outside")}
	for _, dir := range []string{filepath.Join(h.repo, ".git"), filepath.Join(h.outside, "dir")} {
		h.must(os.MkdirAll(dir, 0o755))
	}
	for name, text := range map[string]string{"HEAD": "ref: refs/heads/main\n", "config": "[core]\n\tbare = false\n"} {
		h.must(os.WriteFile(filepath.Join(h.repo, ".git", name), []byte(text), 0o644))
	}
	for _, dir := range []string{"objects", "refs"} {
		h.must(os.Mkdir(filepath.Join(h.repo, ".git", dir), 0o755))
	}
	h.must(os.CopyFS(filepath.Join(h.repo, ".engram"), os.DirFS(fixtures.ChunkDir("1.16.1"))))
	h.must(os.CopyFS(filepath.Join(h.outside, "dir", "chunks"), os.DirFS(filepath.Join(fixtures.ChunkDir("1.16.1"), "chunks"))))
	h.must(os.WriteFile(filepath.Join(h.outside, "dir", ".engram-sync-left.tmp"), nil, 0o644)) // no sweep may take it
	h.must(os.WriteFile(filepath.Join(h.outside, "file"), []byte("project: private\n"), 0o644))
	return h
}

func (h *hostile) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *hostile) plant(place string, dir bool, plant func(path, outside string, dir bool) error) {
	h.t.Helper()
	chunks, err := os.ReadDir(filepath.Join(h.repo, ".engram", "chunks"))
	h.must(err)
	name, _, _ := strings.Cut(chunks[0].Name(), ".")
	path := filepath.Join(h.repo, strings.Replace(place, "CHUNK", name, 1))
	h.must(os.RemoveAll(path))
	h.must(plant(path, h.outside, dir))
	h.before = h.list()
}

// list says what lies outside of the work tree: names, kinds, sizes and content.
func (h *hostile) list() []string {
	h.t.Helper()
	var all []string
	h.must(filepath.WalkDir(h.outside, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			all = append(all, path)
			return err
		}
		text, err := os.ReadFile(path)
		all = append(all, fmt.Sprintf("%s %x", path, text))
		return err
	}))
	return all
}

// run runs a command in the clone, and gives its code.
func (h *hostile) run(command, what string) string {
	h.t.Helper()
	var out, errs bytes.Buffer
	term := terminal.New(strings.NewReader(""), &out, &errs)
	done := make(chan int, 1)
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	go func() {
		done <- run(ctx, term, workspace.New(term, h.env, "dev"), append(strings.Fields(command), "-C", h.repo, "--retries", "0"))
	}()
	var code int
	select {
	case code = <-done:
	case <-time.After(time.Minute):
		h.t.Fatalf("%s: %s does not end", what, command)
	}
	if ctx.Err() != nil || problem.Kind(code) == "failed" && code != problem.Failed {
		h.t.Errorf("%s: %s ends with %d", what, command, code)
	}
	lines := strings.Count(errs.String(), "error: ")
	if (code != problem.OK && lines == 0 && out.Len() == 0) || strings.ContainsAny(errs.String(), "\x00\x1b") {
		h.t.Errorf("%s: %s: code %d, and says %q", what, command, code, errs.String())
	}
	if now := h.list(); !slices.Equal(now, h.before) {
		h.t.Errorf("%s: %s changed what is outside: %v, was %v", what, command, now, h.before)
	}
	h.t.Logf("%s: %s: %d\n%s", what, command, code, errs.String())
	return fmt.Sprint(code)
}

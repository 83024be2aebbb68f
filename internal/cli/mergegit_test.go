package cli

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/verification"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// histories is how many random histories each kind of merge has to survive.
const histories = 100

const manifestFile = ".engram/manifest.json"

// gitRepo is a repository of a real git that nothing around it can disturb.
type gitRepo struct {
	t   *testing.T
	dir string
	env []string
}

func newGitRepo(t *testing.T) *gitRepo {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	home := t.TempDir()
	g := &gitRepo{t: t, dir: filepath.Join(home, "repo"), env: []string{
		"PATH=" + os.Getenv("PATH"), "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_EDITOR=true",
		"GIT_AUTHOR_NAME=ana", "GIT_AUTHOR_EMAIL=ana@example.com", "GIT_COMMITTER_NAME=ana", "GIT_COMMITTER_EMAIL=ana@example.com",
		"GIT_CONFIG_COUNT=4", "GIT_CONFIG_KEY_0=maintenance.auto", "GIT_CONFIG_VALUE_0=false",
		"GIT_CONFIG_KEY_1=core.hooksPath", "GIT_CONFIG_VALUE_1=" + os.DevNull,
		"GIT_CONFIG_KEY_2=core.fsync", "GIT_CONFIG_VALUE_2=none", "GIT_CONFIG_KEY_3=merge.stat", "GIT_CONFIG_VALUE_3=false",
	}}
	for key, value := range homeAt(home) {
		g.env = append(g.env, key+"="+value)
	}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	g.git("init", "-q", "-b", "main")
	return g
}

// try runs git, and gives what it printed.
func (g *gitRepo) try(stdin []byte, args ...string) (string, error) {
	cmd := exec.CommandContext(g.t.Context(), "git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = g.dir, g.env, bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (g *gitRepo) git(args ...string) {
	g.t.Helper()
	if out, err := g.try(nil, args...); err != nil {
		g.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (g *gitRepo) manifest() []byte {
	g.t.Helper()
	text, err := os.ReadFile(filepath.Join(g.dir, manifestFile))
	if err != nil {
		g.t.Fatal(err)
	}
	return text
}

// history is a branch that split in two, on which engram exported chunks.
type history struct {
	dice *rand.Rand
	name string
	// The manifests at the two tips.
	a, b *engram.Manifest
	ids  map[engram.ChunkID]bool // of all chunks
	n    int
	// a has all of b.
	merged bool
}

// importer writes commits for git fast-import, which makes those of all
// histories in one process.
type importer struct {
	bytes.Buffer
	marks int
}

func (i *importer) commit(branch, from string, files map[string][]byte) {
	i.marks++
	fmt.Fprintf(i, "commit refs/heads/%s\ncommitter ana <ana@example.com> %d +0000\ndata 1\nx\n", branch, 1800000000+i.marks)
	if from != "" {
		fmt.Fprintf(i, "from refs/heads/%s\n", from)
	}
	for name, content := range files {
		fmt.Fprintf(i, "M 100644 inline %s\ndata %d\n%s\n", name, len(content), content)
	}
}

// export adds up to most chunks to a manifest, each in a commit of its own, as
// engram does.
func (h *history) export(t *testing.T, i *importer, branch, from string, m *engram.Manifest, least, most int) *engram.Manifest {
	t.Helper()
	for range least + h.dice.IntN(most-least+1) {
		h.n++
		rows := make([]string, 1+h.dice.IntN(3))
		for j := range rows {
			rows[j] = fmt.Sprintf(`{"sync_id":"%[1]s-%[2]d-%[3]d","session_id":"s","type":"note","title":"%[1]s %[2]d.%[3]d",`+
				`"content":"c","scope":"project","created_at":"2026-11-22 08:00:00"}`, h.name, h.n, j)
		}
		content := fmt.Sprintf(`{"sessions":[{"id":"s","directory":"/w"}],"observations":[%s],"prompts":null}`, strings.Join(rows, ","))
		id, err := engram.ParseChunkID(contentID([]byte(content)))
		if err != nil {
			t.Fatal(err)
		}
		e := engram.ChunkEntry{ID: id, Sessions: 1, Memories: len(rows), CreatedBy: []string{"ana", "ben"}[h.dice.IntN(2)]}
		e.CreatedAt = fmt.Sprintf("2026-11-22T%02d:%02d:%02dZ", 8+h.n/4, h.dice.IntN(60), h.dice.IntN(60))
		if m, err = m.With(1, e); err != nil {
			t.Fatal(err)
		}
		h.ids[e.ID] = true
		i.commit(branch, from, map[string][]byte{manifestFile: m.Bytes(), ".engram/chunks/" + id.String() + ".jsonl.gz": gzipped(t, content)})
		from = "" // fast-import goes on from the tip
	}
	return m
}

func gzipped(t *testing.T, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed) // there are many, and the level is all the same
	if err != nil {
		t.Fatal(err)
	}
	_, err = z.Write([]byte(content))
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// newHistories makes random histories of two branches each: NAME-a and NAME-b.
func (g *gitRepo) newHistories(n int, attributes string) []*history {
	g.t.Helper()
	var i importer
	all := make([]*history, n)
	for k := range all {
		h := &history{dice: rand.New(rand.NewPCG(uint64(k), 4)), name: fmt.Sprintf("h%d", k), ids: map[engram.ChunkID]bool{}}
		base := engram.NewManifest()
		start := map[string][]byte{".gitattributes": []byte(attributes)}
		if h.dice.IntN(4) > 0 { // else both sides add the file
			start[manifestFile] = base.Bytes()
		}
		i.commit(h.name+"-base", "", start)
		base = h.export(g.t, &i, h.name+"-base", "", base, 0, 3)
		h.a = h.export(g.t, &i, h.name+"-a", h.name+"-base", base, 1, 2+k%2)
		h.b = h.export(g.t, &i, h.name+"-b", h.name+"-base", base, 1, 3)
		all[k] = h
	}
	g.fastImport(&i)
	return all
}

func (g *gitRepo) fastImport(i *importer) {
	g.t.Helper()
	if out, err := g.try(i.Bytes(), "fast-import", "--quiet", "--force"); err != nil {
		g.t.Fatalf("fast-import: %v\n%s", err, out)
	}
}

func (g *gitRepo) parse() *engram.Manifest {
	g.t.Helper()
	m, err := engram.ParseManifest(g.manifest())
	if err != nil {
		g.t.Fatalf("%v\n%s", err, g.manifest())
	}
	return m
}

// mix brings the branches together in one of the ways that people do.
func (g *gitRepo) mix(h *history) {
	g.t.Helper()
	a, b := h.name+"-a", h.name+"-b"
	switch h.dice.IntN(8) {
	default:
		g.git("checkout", "-qf", a)
		g.git("merge", "-q", "-m", "x", b)
		g.wantAll(h)
		h.a, h.merged = g.parse(), true
	case 0: // criss-cross: the next merge has two bases
		g.git("tag", h.name, a)
		g.git("checkout", "-qf", a)
		g.git("merge", "-q", "-m", "x", b)
		h.a = g.parse()
		g.git("checkout", "-qf", b)
		g.git("merge", "-q", "-m", "x", h.name)
		h.b = g.parse()
		if !bytes.Equal(h.a.Bytes(), h.b.Bytes()) {
			g.t.Errorf("%s: one direction gives\n%s\nthe other\n%s", h.name, h.a.Bytes(), h.b.Bytes())
		}
	case 1:
		g.git("checkout", "-qf", b)
		g.git("rebase", "-q", a)
		h.b = g.parse()
	case 2:
		g.git("checkout", "-qf", a)
		g.git("cherry-pick", h.name+"-base.."+b)
		h.a = g.parse()
	}
}

// wantAll checks that the manifest names the chunks of both branches, and that
// the files are there.
func (g *gitRepo) wantAll(h *history) {
	g.t.Helper()
	m := g.parse()
	for id := range h.ids {
		e, ok := m.Entry(id)
		if !ok {
			g.t.Errorf("%s: chunk %s is lost:\n%s", h.name, id, m.Bytes())
		}
		before, known := h.a.Entry(id)
		if !known {
			before, _ = h.b.Entry(id)
		}
		if e.Memories != before.Memories || e.CreatedBy != "unknown" && e != before {
			g.t.Errorf("%s: %+v, was %+v", h.name, e, before)
		}
		if _, err := os.Stat(filepath.Join(g.dir, ".engram", "chunks", id.String()+".jsonl.gz")); err != nil {
			g.t.Errorf("%s: %v", h.name, err)
		}
	}
	if len(m.Entries()) != len(h.ids) {
		g.t.Errorf("%s: %d entries, want %d", h.name, len(m.Entries()), len(h.ids))
	}
}

// TestTheDriverLosesNothing merges, rebases and cherry-picks random branches
// with the driver, lets some of them grow, and merges all again: git never stops
// at a conflict, and in the end every chunk is listed.
func TestTheDriverLosesNothing(t *testing.T) {
	skipLong(t)
	t.Parallel()
	g := newGitRepo(t)
	g.git("config", "merge.engram-sync.driver", "engram-sync merge-driver %O %A %B %P")
	all := g.newHistories(histories, manifestFile+" merge=engram-sync\n")
	for _, h := range all {
		g.mix(h)
	}
	var i importer
	for _, h := range all {
		if h.dice.IntN(3) > 0 && h.merged {
			continue
		}
		h.merged = false
		h.a = h.export(t, &i, h.name+"-a", h.name+"-a^0", h.a, 1, 2)
		h.b = h.export(t, &i, h.name+"-b", h.name+"-b^0", h.b, 1, 2)
	}
	g.git("checkout", "-q", "--orphan", "elsewhere")
	g.fastImport(&i)
	for _, h := range all {
		if !h.merged {
			g.git("checkout", "-qf", h.name+"-a")
			g.git("merge", "-q", "-m", "x", h.name+"-b")
			g.wantAll(h)
		}
	}
}

// TestUnionMergesAreRepaired has git glue the entries together, as people do
// who found merge=union, and mends that.
func TestUnionMergesAreRepaired(t *testing.T) {
	skipLong(t)
	t.Parallel()
	g := newGitRepo(t)
	broken, guessed := 0, 0
	for _, h := range g.newHistories(histories, manifestFile+" merge=union\n") {
		g.git("checkout", "-qf", h.name+"-a")
		g.git("merge", "-q", "-m", "x", h.name+"-b")
		if _, err := engram.ParseManifest(g.manifest()); err != nil {
			broken++
		}
		guessed += g.repair(h)
	}
	if broken < histories/2 {
		t.Errorf("only %d of %d manifests were broken: this tests nothing", broken, histories)
	}
	t.Logf("%d of %d manifests were broken; %d entries had to be made anew", broken, histories, guessed)
}

// TestConflictMarkersAreRepaired leaves the conflicts to verify --repair, in
// all three styles.
func TestConflictMarkersAreRepaired(t *testing.T) {
	skipLong(t)
	t.Parallel()
	g := newGitRepo(t)
	for k, h := range g.newHistories(histories, "") {
		style := []string{"merge", "diff3", "zdiff3"}[k%3]
		g.git("checkout", "-qf", h.name+"-a")
		out, err := g.try(nil, "-c", "merge.conflictStyle="+style, "merge", "-q", h.name+"-b")
		var exit *exec.ExitError
		if !errors.As(err, &exit) || !bytes.Contains(g.manifest(), []byte("<<<<<<<")) {
			t.Fatalf("%s: no conflict: %v\n%s", h.name, err, out)
		}
		if anew := g.repair(h); anew > 0 {
			t.Errorf("%s: %d entries were made anew, though the text has all of them", h.name, anew)
		}
		for id := range h.ids {
			e, _ := g.parse().Entry(id)
			a, _ := h.a.Entry(id)
			b, _ := h.b.Entry(id)
			if e != a && e != b {
				t.Errorf("%s: %+v, want %+v or %+v", h.name, e, a, b)
			}
		}
	}
}

// repair mends the directory, looks whether all is well, and says how many
// entries had to be made anew.
func (g *gitRepo) repair(h *history) (anew int) {
	g.t.Helper()
	before := g.manifest()
	dir, err := chunkdir.Open(filepath.Join(g.dir, ".engram"), chunkdir.Options{StateDir: g.t.TempDir()})
	if err != nil {
		g.t.Fatal(err)
	}
	done, err := verification.Repair(g.t.Context(), workspace.Directory{Dir: dir}, verification.RepairOptions{Options: verification.Options{Concurrency: 2}})
	if err != nil || len(done.Findings) > 0 {
		g.t.Fatalf("%s: %v, %v\n%s", h.name, err, done.Findings, before)
	}
	for _, f := range done.Fixes {
		if f.Action == verification.FixRebuilt || f.Action == verification.FixAdopted {
			anew++
		}
	}
	g.wantAll(h)
	return anew
}

// skipLong leaves out, where time is short, what lets other programs or one
// goroutine work for long: the race detector learns nothing from it.
func skipLong(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes long")
	}
}

package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Among many chunks diff asks an index what those say that both states have, and finds what it finds without one; a file that somebody
// has changed in place since is read.
func TestDiffOfManyChunks(t *testing.T) {
	t.Parallel()
	u := newUser(t, "", "")
	one, other := filepath.Join(u.where, "one"), filepath.Join(u.where, "other")
	fill := func(dir string, without, edited int) string {
		var ids []string
		for n := range 300 {
			content := "as it was"
			if n == edited {
				content = "as it is"
			}
			id, err := storeChunk(dir, fmt.Appendf(nil, `{"sessions":[],"observations":[{"sync_id":"o%d","type":"note","title":"title %d","content":%q,"updated_at":"2026-11-01 10:00:00"},`+
				`{"sync_id":"all","type":"note","title":"told by all","content":"%d","updated_at":"2026-11-01 10:00:00"}],"prompts":[]}`, n, n, content, n))
			if err != nil {
				t.Fatal(err)
			}
			if n != without {
				ids = append(ids, id)
			} else if err := os.Remove(filepath.Join(dir, "chunks", id+".jsonl.gz")); err != nil {
				t.Fatal(err)
			}
		}
		if err := storeManifest(dir, ids); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, "chunks", ids[100]+".jsonl.gz")
	}
	fill(one, 7, -1)
	file := fill(other, -1, 20)
	want := "A  o7  note  title 7\nM  o20  note  title 20\n"
	for range 2 { // with an index that has to be made, and with one that is there
		if got, _ := u.run(0, "diff", "--oneline", one, other); got != want {
			t.Errorf("%s", got)
		}
	}
	indexes := 0
	err := filepath.WalkDir(u.home, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".db") {
			indexes++
		}
		return err
	})
	if err != nil || indexes != 2 {
		t.Errorf("%d indexes, %v", indexes, err)
	}
	if err := writeChunkFile(file, []byte(`{"sessions":[],"observations":[{"sync_id":"o100","title":"edited here"}],"prompts":[]}`)); err != nil {
		t.Fatal(err)
	}
	got, errs := u.run(7, "diff", "--oneline", one, other)
	if !strings.Contains(got, "M  o100  ") || !strings.Contains(errs, strings.TrimSuffix(filepath.Base(file), ".jsonl.gz")) {
		t.Errorf("%s%s", got, errs)
	}
}

// Two revisions differ as they do, whatever is wrong in the work tree, as amid a merge: the index of it is a help, and no more.
func TestDiffOfManyChunksAmidAMerge(t *testing.T) {
	t.Parallel()
	g := newGitRepo(t)
	dir := filepath.Join(g.dir, ".engram")
	var ids []string
	for n := range 220 {
		id, err := storeChunk(dir, fmt.Appendf(nil, `{"sessions":[],"observations":[{"sync_id":"o%d","type":"note","title":"title %d"}],"prompts":[]}`, n, n))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	for _, part := range []struct {
		listed []string
		add    string
	}{{ids[:219], ":!.engram/chunks/" + ids[219] + ".jsonl.gz"}, {ids, "."}} {
		if err := storeManifest(dir, part.listed); err != nil {
			t.Fatal(err)
		}
		g.git("add", ".engram", part.add)
		g.git("commit", "-q", "-m", "more")
	}
	u := newUser(t, "", "")
	for _, manifest := range [][]byte{g.manifest(), append([]byte("<<<<<<< HEAD\n"), g.manifest()...)} {
		if err := os.WriteFile(filepath.Join(dir, "manifest.json"), manifest, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, errs := u.run(0, "diff", "-C", g.dir, "--oneline", "HEAD~", "HEAD"); got != "A  o219  note  title 219\n" {
			t.Errorf("%s%s", got, errs)
		}
	}
}

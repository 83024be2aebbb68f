package cli

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// A report can be sent to a stranger: no text of a memory is in it, whatever is wrong
// with the directory and the database that hold them.
func TestAReportHoldsNoMemory(t *testing.T) {
	for _, release := range []string{"1.9.4", "1.16.1", "1.20", "2-like"} {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			u := newUser(t, "embedded:vault", "")
			repo := filepath.Join(u.where, "repo")
			dir := filepath.Join(repo, ".engram")
			if err := os.CopyFS(dir, os.DirFS(fixtures.ChunkDir(release))); err != nil {
				t.Fatal(err)
			}
			if err := copyDatabase(release, filepath.Join(u.getenv("HOME"), ".engram")); err != nil {
				t.Fatal(err)
			}
			texts := memoriesIn(t, dir)
			report := filepath.Join(u.where, "report")
			u.run(2, "doctor", "-C", repo, "--bundle", report) // there is no such vault
			noneOf(t, texts, report)

			// Now what a message could quote of damaged files.
			files, err := filepath.Glob(filepath.Join(dir, "chunks", "*.gz"))
			if err != nil || len(files) < 2 {
				t.Fatalf("%v, %v", files, err)
			}
			if err := os.Truncate(files[0], 60); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(files[1], filepath.Join(dir, "chunks", "00000000.jsonl.gz")); err != nil {
				t.Fatal(err)
			}
			u.run(7, "doctor", "-C", repo, "--bundle", report+"2")
			noneOf(t, texts, report+"2")
		})
	}
}

// aText is a string of a memory that is long enough to be told from a word of ours.
var aText = regexp.MustCompile(`"(?:title|content|summary|directory)":"((?:[^"\\]|\\.){12,})"`)

func memoriesIn(t *testing.T, dir string) (texts []string) {
	t.Helper()
	d, err := chunkdir.Open(dir, chunkdir.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.ReadManifest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range m.Entries() {
		chunk, err := d.OpenChunk(e.ID)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(chunk)
		_ = chunk.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range aText.FindAllSubmatch(text, -1) {
			texts = append(texts, string(found[1]))
		}
	}
	if len(texts) < 5 {
		t.Fatalf("%d texts: are they found at all?", len(texts))
	}
	return texts
}

func noneOf(t *testing.T, texts []string, path string) {
	t.Helper()
	report, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		for _, part := range []string{text, text[:12]} {
			if strings.Contains(string(report), part) {
				t.Errorf("the report holds %q", part)
			}
		}
	}
}

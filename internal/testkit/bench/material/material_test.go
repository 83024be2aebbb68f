package material_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/bench/material"
)

// No figure is of a run that lost or changed something: whatever is wrong with what arrived is noticed.
func TestWhatArrivedWronglyIsNoticed(t *testing.T) {
	chunks, err := material.WriteChunks(filepath.Join(t.TempDir(), ".engram"), 3, 2000)
	if err != nil {
		t.Fatal(err)
	}
	if err := chunks.CheckDir(chunks.Dir); err != nil {
		t.Errorf("the original: %v", err)
	}
	others, err := material.WriteChunks(filepath.Join(t.TempDir(), ".engram"), 4, 2100)
	if err != nil {
		t.Fatal(err)
	}
	if err := chunks.CheckDir(others.Dir); err == nil {
		t.Error("other chunks pass")
	}
	file := func(c *material.Chunks, i int) string { return filepath.Join(c.Dir, "chunks", c.IDs()[i]+".jsonl.gz") }
	copied(t, file(others, 0), file(chunks, 0))
	if err := chunks.CheckDir(chunks.Dir); err == nil || !strings.Contains(err.Error(), chunks.IDs()[0]) {
		t.Errorf("other bytes under a name: %v", err)
	}
	if err := os.Remove(file(chunks, 0)); err != nil {
		t.Fatal(err)
	}
	if err := chunks.CheckDir(chunks.Dir); err == nil {
		t.Error("a missing file passes")
	}
	manifest, err := os.ReadFile(filepath.Join(chunks.Dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	ids := chunks.IDs()
	for what, text := range map[string][]byte{
		"one less":  []byte(`{"chunks":[{"id":"` + ids[0] + `"},{"id":"` + ids[1] + `"}]}`),
		"one twice": bytes.ReplaceAll(manifest, []byte(ids[0]), []byte(ids[1])),
	} {
		if err := chunks.CheckManifest(text); err == nil {
			t.Errorf("%s: it passes", what)
		}
	}
}

func TestAJournalInAnotherOrderIsNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	journal, err := material.WriteJournal(path, 5)
	if err != nil {
		t.Fatal(err)
	}
	if err := journal.Check(path); err != nil {
		t.Errorf("the original: %v", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	lines[1], lines[2] = lines[2], lines[1]
	for what, wrong := range map[string][]byte{"another order": bytes.Join(lines, nil), "one less": bytes.Join(lines[:4], nil)} {
		if err := os.WriteFile(path, wrong, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := journal.Check(path); err == nil {
			t.Errorf("%s: it passes", what)
		}
	}
}

func TestAMergeThatLostAnEntryIsNoticed(t *testing.T) {
	branches, err := material.WriteBranches(t.TempDir(), 200)
	if err != nil {
		t.Fatal(err)
	}
	if err := branches.CheckMerged(branches.Ours); err == nil {
		t.Error("one side passes for both")
	}
}

func copied(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

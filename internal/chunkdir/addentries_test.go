package chunkdir_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// What nobody touches keeps its bytes: indentation, line endings, members that
// we don't know.
func TestAddEntriesKeepsTheRest(t *testing.T) {
	text := chunkText("a memory")
	entry := entryOf(text, "2026-11-23T01:00:00Z")
	unknown := strings.Replace(oneEntry, `"prompts": 1`, `"prompts": 1, "tags": ["x",  {"y":1e3}]`, 1)
	for name, manifest := range map[string]string{
		"engram's own":    oneEntry,
		"final newline":   oneEntry + "\n",
		"CRLF":            strings.ReplaceAll(oneEntry, "\n", "\r\n"),
		"odd indentation": strings.ReplaceAll(oneEntry, "  ", "\t "),
		"one line":        strings.Join(strings.Fields(oneEntry), ""),
		"unknown members": strings.Replace(unknown, `"version": 1,`, `"version": 1, "tool": {"a": 1},`, 1),
		"version behind":  strings.Replace(oneEntry, `"version": 1,`, "", 1)[:len(oneEntry)-len(`"version": 1,`)-2] + ",\n\"version\":  1\n}",
	} {
		t.Run(name, func(t *testing.T) {
			d := emptyDir(t)
			path := filepath.Join(d.Path(), "manifest.json")
			put(t, path, manifest)
			writeText(t, d, text)
			if err := d.AddEntries(t.Context(), 1, []engram.ChunkEntry{entry}); err != nil {
				t.Fatal(err)
			}
			got := read(t, path)
			at := strings.LastIndex(manifest, "}") // find where the entry was put in
			for !strings.HasPrefix(got, manifest[:at]) {
				at = strings.LastIndex(manifest[:at], "}")
			}
			if !strings.HasSuffix(got, manifest[at+1:]) || !strings.HasPrefix(got, manifest[:at]) {
				t.Errorf("the rest changed:\n%s\nfrom:\n%s", got, manifest)
			}
			if strings.Contains(manifest, "\r\n") && strings.Count(got, "\n") != strings.Count(got, "\r\n") {
				t.Errorf("mixed line endings: %q", got)
			}
			m, err := d.ReadManifest(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if added, ok := m.Entry(entry.ID); !ok || added != entry || len(m.Entries()) != 2 {
				t.Errorf("entries %+v", m.Entries())
			}
		})
	}
}

// An entry that is there already stays as it is, and the file is not written.
func TestAddEntriesWritesOnlyChanges(t *testing.T) {
	d := emptyDir(t)
	text := chunkText("a memory")
	writeText(t, d, text)
	if err := d.AddEntries(t.Context(), 1, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(d.Path(), "manifest.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing to add, and a manifest appeared (%v)", err)
	}
	first := entryOf(text, "2026-11-23T01:00:00Z")
	if err := d.AddEntries(t.Context(), 1, []engram.ChunkEntry{first}); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(filepath.Join(d.Path(), "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.AddEntries(t.Context(), 1, []engram.ChunkEntry{entryOf(text, "2020-01-01T00:00:00Z")}); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(filepath.Join(d.Path(), "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) {
		t.Error("the manifest was replaced")
	}
	if err := d.AddEntries(t.Context(), 2, nil); err != nil {
		t.Fatal(err)
	}
	if m, err := d.ReadManifest(t.Context()); err != nil || m.Version() != 2 || m.Entries()[0] != first {
		t.Errorf("manifest %+v, error %v", m, err)
	}
}

func TestAddEntriesRefusesEntriesWithoutChunk(t *testing.T) {
	d := emptyDir(t)
	there, missing := chunkText("there"), chunkText("missing")
	writeText(t, d, there)
	put(t, filepath.Join(d.Path(), "manifest.json"), oneEntry)
	err := d.AddEntries(t.Context(), 1, []engram.ChunkEntry{
		entryOf(there, "2026-11-23T01:00:00Z"), entryOf(missing, "2026-11-23T01:00:00Z"),
	})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), idOf(missing).String()) {
		t.Errorf("error %v, want not exist with the id", err)
	}
	if got := read(t, filepath.Join(d.Path(), "manifest.json")); got != oneEntry {
		t.Errorf("manifest changed to %s", got)
	}
}

func TestAddEntriesLeavesABadManifestAlone(t *testing.T) {
	d := emptyDir(t)
	text := chunkText("a memory")
	writeText(t, d, text)
	bad := "<<<<<<< HEAD\n" + oneEntry
	put(t, filepath.Join(d.Path(), "manifest.json"), bad)
	err := d.AddEntries(t.Context(), 1, []engram.ChunkEntry{entryOf(text, "2026-11-23T01:00:00Z")})
	if !errors.Is(err, engram.ErrConflictMarkers) {
		t.Errorf("error %v, want conflict markers", err)
	}
	if got := names(t, d); len(got) != 2 || read(t, filepath.Join(d.Path(), "manifest.json")) != bad {
		t.Errorf("manifest changed, or files left: %v", got)
	}
}

// engramExport does to the manifest what `engram sync` does: read, append,
// truncate, write, without a lock.
func engramExport(path string, id string) error {
	var manifest struct {
		Version int              `json:"version"`
		Chunks  []map[string]any `json:"chunks"`
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		return err
	}
	manifest.Chunks = append(manifest.Chunks, map[string]any{
		"id": id, "created_by": "engram", "created_at": "2026-11-23T02:00:00Z", "sessions": 0, "memories": 1, "prompts": 0,
	})
	if text, err = json.MarshalIndent(manifest, "", "  "); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(text[:len(text)/2]); err != nil {
		return err
	}
	if _, err := f.Write(text[len(text)/2:]); err != nil {
		return err
	}
	return f.Close()
}

// engram exports all the time while we add. The manifest stays good, what stood
// in it before is never lost, and what is lost of ours, because engram wrote
// back what it had read before, is there after the next call.
func TestAddEntriesBesideEngram(t *testing.T) {
	d := emptyDir(t)
	path := filepath.Join(d.Path(), "manifest.json")
	put(t, path, oneEntry)
	const exports = 30
	done := make(chan error, 1)
	go func() {
		for n := range exports {
			if err := engramExport(path, fmt.Sprintf("%08x", n)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	var ours []engram.ChunkEntry
	for running := true; running; {
		text := chunkText(fmt.Sprint(len(ours)))
		writeText(t, d, text)
		ours = append(ours, entryOf(text, "2026-11-23T01:00:00Z"))
		if err := d.AddEntries(t.Context(), 1, ours); err != nil {
			t.Error(err)
		}
		select {
		case err := <-done:
			running = false
			if err != nil {
				t.Fatal(err)
			}
		default:
		}
	}
	if err := d.AddEntries(t.Context(), 1, ours); err != nil {
		t.Fatal(err)
	}
	m, err := d.ReadManifest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Entries()[0].ID.String(); got != "85b7093e" {
		t.Errorf("the first entry is now %s", got)
	}
	for _, e := range ours {
		if got, _ := m.Entry(e.ID); got != e {
			t.Errorf("entry %+v, want %+v", got, e)
		}
	}
}

package state_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/state"
)

func chunkID(t *testing.T, text string) engram.ChunkID {
	t.Helper()
	id, err := engram.ParseChunkID(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func versions(n int64) []engram.RowVersion {
	return []engram.RowVersion{
		{Kind: engram.ObservationRow, Row: engram.RowHash{1}, Content: engram.RowHash{2}, Revision: n, Updated: -n},
		{Kind: engram.PromptRow, Row: engram.RowHash{3}},
	}
}

func saveIndex(t *testing.T, dir string) {
	t.Helper()
	x := state.OpenIndex[engram.RowVersion](state.In(dir), "/repo/.engram")
	x.Add(chunkID(t, "00000001"), "10@1", versions(1))
	x.Add(chunkID(t, "00000002"), "20@2", nil)
	if err := x.Save(); err != nil {
		t.Fatal(err)
	}
}

// caches are the files below a state directory.
func caches(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestIndexRemembersAFileUntilItChanges(t *testing.T) {
	dir := t.TempDir()
	saveIndex(t, dir)
	x := state.OpenIndex[engram.RowVersion](state.In(dir), "/repo/.engram")
	if got, ok := x.Read(chunkID(t, "00000001"), "10@1"); !ok || !slices.Equal(got, versions(1)) {
		t.Errorf("got %v, %t", got, ok)
	}
	if got, ok := x.Read(chunkID(t, "00000002"), "20@2"); !ok || len(got) != 0 {
		t.Errorf("got %v, %t", got, ok)
	}
	if _, ok := x.Read(chunkID(t, "00000001"), "10@3"); ok {
		t.Error("a file that was written anew is taken for the old one")
	}
	if _, ok := state.OpenIndex[engram.RowVersion](state.In(dir), "/other/.engram").Read(chunkID(t, "00000001"), "10@1"); ok {
		t.Error("another directory has the same index")
	}
}

// A directory that loses chunks does not keep their place for ever.
func TestIndexForgetsWhatNobodyAsksFor(t *testing.T) {
	dir := t.TempDir()
	saveIndex(t, dir)
	x := state.OpenIndex[engram.RowVersion](state.In(dir), "/repo/.engram")
	x.Read(chunkID(t, "00000002"), "20@2")
	if err := x.Save(); err != nil {
		t.Fatal(err)
	}
	x = state.OpenIndex[engram.RowVersion](state.In(dir), "/repo/.engram")
	if _, ok := x.Read(chunkID(t, "00000001"), "10@1"); ok {
		t.Error("it is still there")
	}
	if _, ok := x.Read(chunkID(t, "00000002"), "20@2"); !ok {
		t.Error("too much is gone")
	}
}

func TestCachesArePrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes are another matter there")
	}
	dir := t.TempDir()
	saveIndex(t, dir)
	if err := state.OpenCache(state.In(dir), "answers", "x").Put("q", 1); err != nil {
		t.Fatal(err)
	}
	for _, path := range caches(t, dir) {
		for at, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
			if info, err := os.Stat(at); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v", at, info.Mode(), err)
			}
		}
	}
}

// Whatever happens to a cache, it is as if there were none.
func TestADamagedCacheIsAnEmptyOne(t *testing.T) {
	for story, damage := range map[string]func([]byte) []byte{
		"empty":       func([]byte) []byte { return nil },
		"cut off":     func(b []byte) []byte { return b[:len(b)-3] },
		"a wrong bit": func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"longer":      func(b []byte) []byte { return append(b, 0) },
		"noise":       func(b []byte) []byte { return bytes.Repeat([]byte{0xff}, len(b)) },
	} {
		dir := t.TempDir()
		saveIndex(t, dir)
		if err := state.OpenCache(state.In(dir), "answers", "x").Put("q", 1); err != nil {
			t.Fatal(err)
		}
		for _, path := range caches(t, dir) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		x := state.OpenIndex[engram.RowVersion](state.In(dir), "/repo/.engram")
		if _, ok := x.Read(chunkID(t, "00000001"), "10@1"); ok {
			t.Errorf("%s: the index is believed", story)
		}
		var answer int
		if state.OpenCache(state.In(dir), "answers", "x").Get("q", &answer) {
			t.Errorf("%s: the answer is believed", story)
		}
		saveIndex(t, dir)
		if _, ok := state.OpenIndex[engram.RowVersion](state.In(dir), "/repo/.engram").Read(chunkID(t, "00000001"), "10@1"); !ok {
			t.Errorf("%s: it does not come back", story)
		}
	}
}

func TestAnswerIsForOneQuestion(t *testing.T) {
	a := state.OpenCache(state.In(t.TempDir()), "answers", "x")
	var got map[string]int
	if a.Get("q", &got) {
		t.Error("there is an answer before one was given")
	}
	if err := a.Put("q", map[string]int{"n": 3}); err != nil {
		t.Fatal(err)
	}
	if !a.Get("q", &got) || got["n"] != 3 {
		t.Errorf("got %v", got)
	}
	if a.Get("another q", &got) {
		t.Error("it answers another question")
	}
}

func TestOldCachesGo(t *testing.T) {
	dir := t.TempDir()
	for i := range 80 {
		if err := state.OpenCache(state.In(dir), "answers", fmt.Sprint(i)).Put("q", i); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(caches(t, dir)); n != 64 {
		t.Errorf("there are %d", n)
	}
	var answer int
	if !state.OpenCache(state.In(dir), "answers", "79").Get("q", &answer) || answer != 79 {
		t.Error("the last one is gone")
	}
}

package state_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/testkit/filekit"
)

func id(t *testing.T, s string) engram.ChunkID {
	t.Helper()
	id, err := engram.ParseChunkID(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestAliasesOutliveTheRunAndBelongToOneRemote(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	a, err := state.OpenAliases(state.In(dir), "https://one.example")
	if err != nil {
		t.Fatal(err)
	}
	for remote, local := range map[string]string{"0cdb38de": "ca8b5346", "00000001": "00000002"} {
		if err := a.Add(id(t, remote), id(t, local)); err != nil {
			t.Fatal(err)
		}
	}
	again, err := state.OpenAliases(state.In(dir), "https://one.example")
	if err != nil {
		t.Fatal(err)
	}
	if local, ok := again.Local(id(t, "0cdb38de")); !ok || local != id(t, "ca8b5346") {
		t.Errorf("got %v, %t", local, ok)
	}
	other, err := state.OpenAliases(state.In(dir), "https://two.example")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := other.Local(id(t, "0cdb38de")); ok {
		t.Error("another remote knows the pair")
	}
	if local, ok := other.Restored(id(t, "0cdb38de")); !ok || local != id(t, "ca8b5346") {
		t.Errorf("another remote does not know what was restored: %v, %t", local, ok)
	}
}

// Nothing in the name of the directory is a pattern: it is a user's.
func TestStateLiesInAnyDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "[a-", "st[ab]te")
	one, err := state.OpenAliases(state.In(dir), "https://one.example")
	if err != nil {
		t.Fatal(err)
	}
	if err := one.Add(id(t, "0cdb38de"), id(t, "ca8b5346")); err != nil {
		t.Fatal(err)
	}
	two, err := state.OpenAliases(state.In(dir), "https://two.example")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := two.Restored(id(t, "0cdb38de")); !ok {
		t.Error("what the other remote knows was not found")
	}
	for i := range 70 {
		if err := state.OpenCache(state.In(dir), "kind", string(rune('A'+i))).Put("q", 1); err != nil {
			t.Fatal(err)
		}
	}
	if files, err := os.ReadDir(filepath.Join(dir, "kind")); err != nil || len(files) != 64 {
		t.Errorf("%d caches are kept, %v", len(files), err)
	}
}

func TestABadAliasFileIsAnErrorNotAnEmptyOne(t *testing.T) {
	dir := t.TempDir()
	a, err := state.OpenAliases(state.In(dir), "https://one.example")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Add(id(t, "0cdb38de"), id(t, "ca8b5346")); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "reduced", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	filekit.WantPrivate(t, files[0])
	for _, bad := range []string{"{", `{"reduced":{"../x":"ca8b5346"}}`} {
		if err := os.WriteFile(files[0], []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := state.OpenAliases(state.In(dir), "https://one.example"); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

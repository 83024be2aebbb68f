package state_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/state"
)

// What was verified is remembered by one release, for the files that there are; and nothing
// makes a state directory for that.
func TestVerified(t *testing.T) {
	const dir = "/repo/.engram"
	at := t.TempDir()
	root := state.In(at)
	one, other, gone := engram.IDOf([32]byte{1}), engram.IDOf([32]byte{2}), engram.IDOf([32]byte{3})
	if state.OpenVerified(state.In(filepath.Join(at, "none")), dir, "1.0") != nil {
		t.Error("it is kept where nothing is")
	}
	recalls := func(rules string, id engram.ChunkID, stamp string) string {
		what, ok := state.OpenVerified(root, dir, rules).Recall(id, stamp)
		if !ok {
			return "nothing"
		}
		return string(what)
	}
	v := state.OpenVerified(root, dir, "1.0")
	v.Keep(one, "s1", []byte("rows of one"))
	v.Keep(other, "s2", []byte("rows of the other"))
	v.Keep(gone, "s3", []byte("rows of a file that went"))
	v.Forget(other)
	if err := v.Save([]engram.ChunkID{one, other}); err != nil {
		t.Fatal(err)
	}
	looking := state.OpenVerified(root.OnlyLook(), "/another", "1.0")
	looking.Keep(one, "s1", nil)
	if err := looking.Save([]engram.ChunkID{one}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		story, rules, stamp string
		id                  engram.ChunkID
		want                string
	}{
		{"unchanged", "1.0", "s1", one, "rows of one"},
		{"changed", "1.0", "s2", one, "nothing"},
		{"forgotten", "1.0", "s2", other, "nothing"},
		{"gone", "1.0", "s3", gone, "nothing"},
		{"another release", "1.1", "s1", one, "nothing"},
		{"a release with a longer name", "1.0.1", "s1", one, "nothing"},
	} {
		if got := recalls(c.rules, c.id, c.stamp); got != c.want {
			t.Errorf("%s: %s, want %s", c.story, got, c.want)
		}
	}
	if secret := state.OpenVerified(root, dir, "1.0").Secret(); secret != v.Secret() || secret == [32]byte{} {
		t.Errorf("what was hashed with %x is remembered with %x", v.Secret(), secret)
	}
	if secret := state.OpenVerified(root, dir, "1.1").Secret(); secret == v.Secret() {
		t.Error("the secret outlives what was hashed with it")
	}
	files, err := filepath.Glob(root.Path("verified", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("who only looked made one of %q, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, damage := range [][]byte{nil, text[:len(text)-1], bytes.Replace(text, []byte("one"), []byte("two"), 1), append(text, 0)} {
		if err := os.WriteFile(files[0], damage, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := recalls("1.0", one, "s1"); got != "nothing" {
			t.Errorf("of a damaged file: %s", got)
		}
	}
	// Where no file can be written, that is an error, and no more.
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(files[0], 0o700); err != nil {
		t.Fatal(err)
	}
	v = state.OpenVerified(root, dir, "1.0")
	v.Keep(one, "s1", nil)
	if v.Save([]engram.ChunkID{one}) == nil {
		t.Error("it says to be saved")
	}
}

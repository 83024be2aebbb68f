package engramdb

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A copy that somebody may be reading stays, and so does what is not ours. In-package: a process
// sweeps once.
func TestForgottenCopiesGo(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir) // Windows
	for name, age := range map[string]time.Duration{copyPrefix + "old": 2 * forgotten, copyPrefix + "young": 0, "other": 2 * forgotten} {
		path := filepath.Join(dir, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "engram.db"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	sweepCopies()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 || entries[0].Name() != copyPrefix+"young" || entries[1].Name() != "other" {
		t.Errorf("left: %v, %v", entries, err)
	}
}

package cursorfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/state/cursorfile"
	"github.com/engram-sync/engram-sync/internal/testkit/filekit"
)

// otherPaths are further paths to a file.
func otherPaths(t *testing.T, path string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	paths := map[string]string{
		"a linked directory": filepath.Join(dir, "dir", filepath.Base(path)),
		"a linked file":      filepath.Join(dir, "file"),
		"a second name":      filepath.Join(filepath.Dir(path), "second"),
	}
	for link, target := range map[string]string{filepath.Join(dir, "dir"): filepath.Dir(path), paths["a linked file"]: path} {
		filekit.Symlink(t, target, link)
	}
	if err := os.Link(path, paths["a second name"]); err != nil {
		t.Skipf("no hard links here: %v", err)
	}
	return paths
}

// TestTailOfAnotherCursorByAnotherPath is not written behind, whatever path leads to
// the file, and whose cursor it is: the other one would cut it off.
func TestTailOfAnotherCursorByAnotherPath(t *testing.T) {
	t.Parallel()
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "out")
	kill(t, dir, path, `{"seq":2}`+"\n")
	other, err := openCursor(t, dir, "other")
	if err != nil {
		t.Fatal(err)
	}
	account, err := state.OpenAccount(state.In(dir), "https://engram.example.com", "user u-2")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := cursorfile.Open(account, "default", "")
	if err != nil {
		t.Fatal(err)
	}
	paths := otherPaths(t, path)
	paths["the same path"] = path
	for name, path := range paths {
		var unfinished *cursorfile.OutputError
		if _, err := other.OpenOutput(path); !errors.As(err, &unfinished) || !strings.Contains(err.Error(), "--cursor default that") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := stranger.OpenOutput(path); !errors.As(err, &unfinished) || !strings.Contains(err.Error(), "--cursor default of another account") {
			t.Errorf("%s, another account: %v", name, err)
		}
	}
}

// TestOwnFileByAnotherPath is gone on with by the same cursor.
func TestOwnFileByAnotherPath(t *testing.T) {
	t.Parallel()
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "out")
	kill(t, dir, path, `{"seq":2}`+"\n")
	for name, other := range otherPaths(t, path) {
		c := mustOpenCursor(t, dir)
		out, err := c.OpenOutput(other)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := out.Close(); err != nil {
			t.Error(err)
		}
		wantFile(t, path, finished)
	}
}

// TestTailAtTheEndOfAMovedLink stays: the path leads to another file now.
func TestTailAtTheEndOfAMovedLink(t *testing.T) {
	t.Parallel()
	dir, where := t.TempDir(), t.TempDir()
	path, link, theirs := filepath.Join(where, "out"), filepath.Join(where, "link"), filepath.Join(where, "theirs")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	filekit.Symlink(t, path, link)
	kill(t, dir, link, `{"seq":2}`+"\n")
	rows := finished + finished + finished
	if err := errors.Join(os.WriteFile(theirs, []byte(rows), 0o600), os.Remove(link), os.Symlink(theirs, link)); err != nil {
		t.Fatal(err)
	}
	mustOpenCursor(t, dir)
	wantFile(t, theirs, rows)
}

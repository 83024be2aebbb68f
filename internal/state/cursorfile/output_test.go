package cursorfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/state/cursorfile"
)

const finished = `{"seq":1}` + "\n"

// kill leaves an output file as a run does that dies while it writes a page.
func kill(t *testing.T, dir, path, torn string) {
	t.Helper()
	c := mustOpenCursor(t, dir)
	out, err := c.OpenOutput(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = out.Write([]byte(finished))
	if err := errors.Join(err, out.Flush(), c.Save(engram.Cursor{Last: engram.JournalRef{Seq: 1}})); err != nil {
		t.Fatal(err)
	}
	_, err = out.Write([]byte(torn))
	if err := errors.Join(err, c.Abandon()); err != nil {
		t.Fatal(err)
	}
}

// TestTornTail is cut off, wherever it ends.
func TestTornTail(t *testing.T) {
	t.Parallel()
	long := `{"seq":2,"payload":"` + strings.Repeat("x", 10_000) + `"}` + "\n"
	for _, torn := range []string{"{", `{"seq":`, `{"seq":2}` + "\n", long + `{"se`, long + long, long + "\x00\x00\x00", `{"s` + strings.Repeat("\x00", 5000)} {
		dir, path := t.TempDir(), filepath.Join(t.TempDir(), "out")
		kill(t, dir, path, torn)
		if out, err := mustOpenCursor(t, dir).OpenOutput(path); err != nil {
			t.Errorf("%.20q: %v", torn, err)
		} else if err := out.Close(); err != nil {
			t.Error(err)
		}
		wantFile(t, path, finished)
	}
}

// TestTailOfOthers stays: somebody has written to the file since the run was killed.
func TestTailOfOthers(t *testing.T) {
	t.Parallel()
	for _, theirs := range []string{"notes\n", "{}\n", `{"seq":2}` + "\nnotes", "\x00notes"} {
		dir, path := t.TempDir(), filepath.Join(t.TempDir(), "out")
		kill(t, dir, path, theirs)
		var changed *cursorfile.OutputError
		if _, err := mustOpenCursor(t, dir).OpenOutput(path); !errors.As(err, &changed) {
			t.Errorf("%q: %v", theirs, err)
		}
		wantFile(t, path, finished+theirs)
	}
}

// TestTailOfAnotherCursor is not written behind: the other one would cut it off.
func TestTailOfAnotherCursor(t *testing.T) {
	t.Parallel()
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "out")
	kill(t, dir, path, `{"seq":2}`+"\n")
	other, err := openCursor(t, dir, "other")
	if err != nil {
		t.Fatal(err)
	}
	var unfinished *cursorfile.OutputError
	if _, err := other.OpenOutput(path); !errors.As(err, &unfinished) || !strings.Contains(err.Error(), "--cursor default") {
		t.Errorf("while the tail is there: %v", err)
	}
	mustOpenCursor(t, dir) // cuts it off
	if out, err := other.OpenOutput(path); err != nil {
		t.Error(err)
	} else if err := out.Close(); err != nil {
		t.Error(err)
	}
	wantFile(t, path, finished)
}

// TestOutputNowhere cannot be made, which is a mistake of the command line.
func TestOutputNowhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "no", "out")} {
		var wrong *cursorfile.OutputError
		if _, err := mustOpenCursor(t, t.TempDir()).OpenOutput(path); !errors.As(err, &wrong) || strings.Contains(err.Error(), "stdout") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v, want %q", path, got, err, want)
	}
}

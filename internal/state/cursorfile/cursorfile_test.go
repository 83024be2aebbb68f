package cursorfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/state/cursorfile"
)

func openCursor(t *testing.T, dir, name string) (*cursorfile.File, error) {
	t.Helper()
	j, err := state.OpenAccount(state.In(dir), "https://engram.example.com", "user u-1")
	if err != nil {
		t.Fatal(err)
	}
	c, err := cursorfile.Open(j, name, "")
	if err == nil {
		t.Cleanup(func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return c, err
}

func mustOpenCursor(t *testing.T, dir string) *cursorfile.File {
	t.Helper()
	c, err := openCursor(t, dir, "default")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func history(t *testing.T, c *cursorfile.File) []engram.JournalRef {
	t.Helper()
	var marks []engram.JournalRef
	for m, err := range c.Seen() {
		if err != nil {
			t.Fatal(err)
		}
		marks = append(marks, m)
	}
	return marks
}

// TestCursor comes back as it was saved, with its history; what was appended
// and not saved is gone.
func TestCursor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	marks := []engram.JournalRef{{Seq: 1, Sum: 7}, {Seq: 2}, {Seq: 1 << 40, Sum: 1 << 31}, {Seq: 1<<63 - 1, Sum: 9}}
	cursor := engram.Cursor{UserID: "u-1", Last: marks[3], LowWatermark: 2, Recent: marks[2:]}
	save := func(c *cursorfile.File, settled []engram.JournalRef, cursor engram.Cursor) {
		t.Helper()
		if err := errors.Join(c.AppendSeen(settled), c.Save(cursor)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 {
		c := mustOpenCursor(t, dir)
		save(c, marks[i:i+1], cursor)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	unsaved := mustOpenCursor(t, dir)
	if err := errors.Join(unsaved.AppendSeen(marks[2:3]), unsaved.Abandon()); err != nil {
		t.Fatal(err)
	}

	c := mustOpenCursor(t, dir)
	if diff := cmp.Diff(cursor, c.Cursor()); diff != "" {
		t.Error(diff)
	}
	if got := history(t, c); !slices.Equal(got, marks[:2]) {
		t.Errorf("the history is %v", got)
	}
	// a new history counts from its Save on, and then the old one is gone
	if err := errors.Join(c.ResetSeen(), c.AppendSeen(marks[2:])); err != nil {
		t.Fatal(err)
	}
	if got := history(t, mustOpenCursor(t, dir)); !slices.Equal(got, marks[:2]) {
		t.Errorf("before the save the history is %v", got)
	}
	save(c, nil, engram.Cursor{})
	if got := history(t, mustOpenCursor(t, dir)); !slices.Equal(got, marks[2:]) {
		t.Errorf("after the save the history is %v", got)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "journals", "*", "*.seen")); len(files) != 1 {
		t.Errorf("histories left: %q", files)
	}
}

// TestDetachedCursor leaves the saved one where it is, whatever is done.
func TestDetachedCursor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	saved := engram.Cursor{Last: engram.JournalRef{Seq: 5}, LowWatermark: 5}
	if err := mustOpenCursor(t, dir).Save(saved); err != nil {
		t.Fatal(err)
	}
	c := mustOpenCursor(t, dir)
	c.Detach(engram.Cursor{LowWatermark: 1})
	further := engram.Cursor{Last: engram.JournalRef{Seq: 9}}
	if err := errors.Join(c.ResetSeen(), c.AppendSeen([]engram.JournalRef{{Seq: 9}}), c.Save(further)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(further, c.Cursor()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(saved, mustOpenCursor(t, dir).Cursor()); diff != "" {
		t.Error(diff)
	}
}

// TestDamagedCursor is an error, and not the beginning of the journal.
func TestDamagedCursor(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty":      "",
		"torn":       `{"schema":1,"seq":`,
		"newer":      `{"schema":2}`,
		"null":       `null`,
		"no schema":  `{}`,
		"negative":   `{"schema":1,"seq":-4}`,
		"length":     `{"schema":1,"ledger":{"bytes":-1}}`,
		"no marks":   `{"schema":1,"recent":"AA=="}`,
		"descending": `{"schema":1,"reread":3,"recent":"AAAAAAA="}`,
	} {
		dir := t.TempDir()
		if err := mustOpenCursor(t, dir).Save(engram.Cursor{}); err != nil {
			t.Fatal(err)
		}
		files, _ := filepath.Glob(filepath.Join(dir, "journals", "*", "pull-default.json"))
		if err := os.WriteFile(files[0], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openCursor(t, dir, "default"); !errors.Is(err, cursorfile.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// a history that is shorter than what counts
	dir := t.TempDir()
	c := mustOpenCursor(t, dir)
	marks := []engram.JournalRef{{Seq: 1}, {Seq: 2}}
	if err := errors.Join(c.AppendSeen(marks), c.Save(engram.Cursor{LowWatermark: 2})); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "journals", "*", "*.seen"))
	if err := os.Truncate(files[0], 7); err != nil {
		t.Fatal(err)
	}
	c = mustOpenCursor(t, dir)
	if err := c.AppendSeen([]engram.JournalRef{{Seq: 3}}); !errors.Is(err, cursorfile.ErrDamaged) {
		t.Errorf("append to a short history: %v", err)
	}
	var last error
	for _, err := range c.Seen() {
		last = err
	}
	if !errors.Is(last, cursorfile.ErrDamaged) {
		t.Errorf("read a short history: %v", last)
	}
}

func TestCursorNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "../up", "a/b", "Big", ".hidden", "a b", "ä"} {
		if _, err := openCursor(t, t.TempDir(), name); !errors.Is(err, cursorfile.ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestOutputWrittenByTwo notices that somebody else writes to the file meanwhile,
// and takes nothing of theirs away.
func TestOutputWrittenByTwo(t *testing.T) {
	t.Parallel()
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "out")
	c := mustOpenCursor(t, dir)
	out, err := c.OpenOutput(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write([]byte("ours\n")); err != nil {
		t.Fatal(err)
	}
	other, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.WriteString("theirs\n"); err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	var changed *cursorfile.OutputError
	if err := out.Flush(); !errors.As(err, &changed) {
		t.Errorf("flush: %v", err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := mustOpenCursor(t, dir).OpenOutput(path); !errors.As(err, &changed) {
		t.Errorf("the next run: %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "ours\ntheirs\n" {
		t.Errorf("the file has %q", text)
	}
}

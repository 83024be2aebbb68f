package atomicfile_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
)

func TestFileAppearsOnlyOnCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chunk")
	f := create(t, path, "half and ")
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("before Commit: %v, want no file", err)
	}
	if _, err := io.WriteString(f, "half"); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	wantContent(t, path, "half and half")

	if err := f.Discard(); err != nil {
		t.Errorf("Discard after Commit: %v", err)
	}
	wantOnly(t, filepath.Dir(path), "chunk")
	if err := f.Commit(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("second Commit: %v, want %v", err, os.ErrClosed)
	}
	if _, err := io.WriteString(f, "more"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Write after Commit: %v, want %v", err, os.ErrClosed)
	}
}

func TestTempFileLiesBesideThePath(t *testing.T) {
	dir := t.TempDir()
	f := create(t, filepath.Join(dir, "chunk"), "data")
	names, err := filepath.Glob(filepath.Join(dir, atomicfile.TempPrefix+"*"+atomicfile.TempSuffix))
	if err != nil || len(names) != 1 {
		t.Errorf("temporary files %q, %v; want one", names, err)
	}
	if err := f.Discard(); err != nil {
		t.Fatal(err)
	}
	wantOnly(t, dir)
	if err := f.Discard(); err != nil {
		t.Errorf("second Discard: %v", err)
	}
}

func TestNameAsNamesTheFileAtItsEnd(t *testing.T) {
	dir := t.TempDir()
	f := create(t, filepath.Join(dir, "unnamed"), "data")
	if err := f.NameAs(filepath.Join(dir, "a1b2c3d4")); err != nil {
		t.Fatal(err)
	}
	wantContent(t, filepath.Join(dir, "a1b2c3d4"), "data")
	wantOnly(t, dir, "a1b2c3d4")
}

func TestFailedCommitLeavesNothing(t *testing.T) {
	t.Run("another directory", func(t *testing.T) {
		dir, other := t.TempDir(), t.TempDir()
		f := create(t, filepath.Join(dir, "file"), "data")
		if err := f.NameAs(filepath.Join(other, "file")); err == nil {
			t.Error("no error")
		}
		wantOnly(t, dir)
		wantOnly(t, other)
	})
	t.Run("a directory is in the way", func(t *testing.T) {
		dir := t.TempDir()
		f := create(t, filepath.Join(dir, "file"), "data")
		if err := os.MkdirAll(filepath.Join(dir, "file", "full"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := f.Commit(); err == nil {
			t.Error("no error")
		}
		wantOnly(t, dir, "file")
		if err := f.Discard(); err != nil {
			t.Errorf("Discard after a failed Commit: %v", err)
		}
	})
}

func TestSweepTakesOnlyLeftovers(t *testing.T) {
	dir := t.TempDir()
	leftover := atomicfile.TempPrefix + "x" + atomicfile.TempSuffix
	writeFile(t, filepath.Join(dir, leftover), "half", 0o600)

	spared := []string{
		atomicfile.TempPrefix + "dir" + atomicfile.TempSuffix,
		atomicfile.TempPrefix + "notes",
		"manifest.json",
		"other" + atomicfile.TempSuffix,
	}
	if err := os.Mkdir(filepath.Join(dir, spared[0]), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range spared[1:] {
		writeFile(t, filepath.Join(dir, name), "mine", 0o600)
	}
	if err := atomicfile.Sweep(dir); err != nil {
		t.Fatal(err)
	}
	wantOnly(t, dir, spared...)
}

func TestSweepOfMissingDirectory(t *testing.T) {
	if err := atomicfile.Sweep(filepath.Join(t.TempDir(), "none")); err != nil {
		t.Error(err)
	}
}

func TestSweepSaysWhatItCannotRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a file where a directory should be counts as missing there")
	}
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, "", 0o600)
	if err := atomicfile.Sweep(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("error %v, want one that names the file", err)
	}
}

func create(t *testing.T, path, content string) *atomicfile.File {
	t.Helper()
	f, err := atomicfile.Create(path, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(f, content); err != nil {
		t.Fatal(err)
	}
	return f
}

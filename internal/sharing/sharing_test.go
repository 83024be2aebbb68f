package sharing

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// A file that others have for a moment is waited for, one that they keep is named
// in the end, and any other failure is told at once. In-package: only Windows says
// that a file is in use.
func TestPatience(t *testing.T) {
	busy, other := errors.New("in use"), errors.New("no such file")
	for name, tc := range map[string]struct {
		free time.Duration // when it is not in use any more
		then error
		took time.Duration
		want error
	}{
		"free":        {0, nil, 0, nil},
		"for a while": {time.Second, nil, time.Second, nil},
		"then gone":   {time.Second, other, time.Second, other},
		"for ever":    {time.Hour, nil, Patience, busy},
		"not there":   {0, other, 0, other},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			err := patiently(func() error {
				if time.Since(began) < tc.free {
					return busy
				}
				return tc.then
			}, func(err error) bool { return errors.Is(err, busy) })
			if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) || time.Since(began) != tc.took {
				t.Errorf("%s: %v after %s; want %v after %s", name, err, time.Since(began), tc.want, tc.took)
			}
			if named := (*InUseError)(nil); errors.As(err, &named) != errors.Is(tc.want, busy) {
				t.Errorf("%s: the error is %#v", name, err)
			}
		})
	}
}

// onWine says whether this is a Wine, which replaces no open file (seen with 10.0).
var onWine = func() bool { return false }

// A reader of ours is in nobody's way, on no system.
func TestWhatIsReadCanBeReplacedAndRemoved(t *testing.T) {
	if onWine() {
		t.Skip("Wine replaces no open file")
	}
	dir := t.TempDir()
	path, next := filepath.Join(dir, "manifest.json"), filepath.Join(dir, "next")
	for name, text := range map[string]string{path: "old", next: "new"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := old.Close(); err != nil {
			t.Error(err)
		}
	}()
	began := time.Now()
	if err := Rename(next, path); err != nil {
		t.Fatal(err)
	}
	if text, err := ReadFile(path); err != nil || string(text) != "new" {
		t.Errorf("read %q, %v", text, err)
	}
	reader, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(Remove(path), reader.Close()); err != nil {
		t.Error(err)
	}
	if _, err := Open(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was removed, and opens with %v", err)
	}
	if took := time.Since(began); took >= Patience {
		t.Errorf("it took %s", took)
	}
}

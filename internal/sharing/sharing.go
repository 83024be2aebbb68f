// Package sharing opens, renames and removes files that other programs may have
// open: engram, another engram-sync, an editor, a virus scanner. Whoever ships
// calls it in the place of package os. Elsewhere than on Windows the two do the same.
//
// Windows refuses what another program's open file is in the way of, mostly for a moment.
// Here that is tried again for Patience, and is an *InUseError if it lasts. What is
// open for reading through Open or ReadFile can be renamed over and removed by others.
package sharing

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// Patience is how long a file that others use is tried again.
const Patience = 2 * time.Second

// pause is between two tries.
const pause = 20 * time.Millisecond

// InUseError says that a file was in use by another program all the time. Nothing was
// done to it. Windows does not always tell that from a lack of rights.
type InUseError struct{ Err error }

func (e *InUseError) Error() string {
	return fmt.Sprintf("%v (tried for %s)", e.Err, Patience)
}

func (e *InUseError) Unwrap() error { return e.Err }

// Open opens a file or directory for reading.
func Open(path string) (f *os.File, err error) {
	err = patiently(func() error { f, err = open(path); return err }, func(err error) bool { return hinders(path, err) })
	return f, err
}

// OpenFile is os.OpenFile. What is opened so keeps others from renaming over it on Windows.
func OpenFile(path string, flag int, perm os.FileMode) (f *os.File, err error) {
	err = patiently(func() error { f, err = os.OpenFile(path, flag, perm); return err }, func(err error) bool { return hinders(path, err) })
	return f, err
}

// ReadFile gives the content of a file.
func ReadFile(path string) (text []byte, err error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	err = patiently(func() error {
		if _, err = f.Seek(0, io.SeekStart); err == nil {
			text, err = io.ReadAll(f)
		}
		return err
	}, func(err error) bool { return hinders(path, err) }) // somebody may have locked a part of it
	return text, err
}

// Rename gives a file another name, in the place of a file that has it.
func Rename(from, to string) error {
	return patiently(func() error { return rename(from, to) }, func(err error) bool { return keeps(to, err) })
}

// Lstat says what lies at a path, links not followed.
func Lstat(path string) (info fs.FileInfo, err error) {
	err = patiently(func() error { info, err = os.Lstat(path); return err }, func(err error) bool { return hinders(path, err) })
	return info, err
}

// Remove removes a file or an empty directory.
func Remove(path string) error {
	return patiently(func() error { return os.Remove(path) }, func(err error) bool { return keeps(path, err) })
}

// RemoveAll removes what there is at a path, if anything.
func RemoveAll(path string) error {
	return patiently(func() error { return os.RemoveAll(path) }, func(err error) bool { return keeps("", err) })
}

// patiently does something until it succeeds, or fails for another reason than that
// a file is in use, or Patience is at its end.
func patiently(do func() error, inUse func(error) bool) error {
	for end := time.Now().Add(Patience); ; {
		err := do()
		switch {
		case err == nil || !inUse(err):
			return err
		case !time.Now().Before(end):
			return &InUseError{err}
		}
		<-time.After(pause)
	}
}

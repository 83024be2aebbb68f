// Package atomicfile makes files that are whole or absent: whoever opens the path
// sees the old content or all of the new, also after a crash or a power failure.
// It stands at the bottom, for whoever writes a file that somebody else may read.
//
// Content goes to a temporary file in the same directory, is synced, and then
// renamed over the path.
package atomicfile

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/engram-sync/engram-sync/internal/sharing"
)

// File is a file in the making: an io.Writer whose content appears at its path
// on Commit, or never. Each File ends with Commit, NameAs or Discard. Not
// safe for concurrent use.
type File struct {
	path string
	temp *os.File
	// The first failed Write. A file with a hole in it must not be committed.
	writeErr error
	done     bool
}

// Create starts a file that will appear at path, with perm before umask. The
// directory must exist. A symbolic link at path is replaced, not followed.
func Create(path string, perm os.FileMode) (*File, error) {
	// os.CreateTemp will not do: its files are 0600 whatever the umask says. With
	// 128 random bits the first name is free.
	name := filepath.Join(filepath.Dir(path), TempPrefix+rand.Text()+TempSuffix)
	temp, err := sharing.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unasked, perm)
	if err != nil {
		return nil, fmt.Errorf("cannot create %s: %w", path, err)
	}
	return &File{path: path, temp: temp}, nil
}

// Write adds to the content. After an error the file cannot be committed.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.temp.Write(p)
	if err != nil {
		f.writeErr = cmp.Or(f.writeErr, err)
		err = fmt.Errorf("cannot write %s: %w", f.path, err)
	}
	return n, err
}

// Commit makes the content durable and lets it appear at the path. After an
// error no temporary file is left, and the path is as it was; except that
// when only the sync of the directory failed, the new content is in place but
// may not outlive a power failure.
func (f *File) Commit() error {
	if err := f.NameAs(f.path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(f.path))
}

// NameAs is Commit under another name in the same directory, for content whose name is
// known only at its end, and without the sync of the directory: a power failure may undo the
// naming until SyncDir was called, once for many files. The content is durable.
func (f *File) NameAs(path string) error {
	if f.done {
		return fmt.Errorf("cannot commit %s: %w", path, os.ErrClosed)
	}
	if err := f.publish(path); err != nil {
		return errors.Join(fmt.Errorf("cannot write %s: %w", path, err), f.Discard())
	}
	f.done = true
	return nil
}

// SyncDir makes the names durable that files got in dir.
func SyncDir(dir string) error {
	if err := syncDir(dir); err != nil {
		return fmt.Errorf("cannot sync the directory %s: %w", dir, err)
	}
	return nil
}

// publish syncs, closes and renames: Windows renames only closed files.
func (f *File) publish(path string) error {
	if f.writeErr != nil {
		return f.writeErr
	}
	if filepath.Dir(path) != filepath.Dir(f.path) {
		return fmt.Errorf("it lies outside of %s", filepath.Dir(f.path))
	}
	if err := syncContent(f.temp); err != nil {
		return err
	}
	if err := f.temp.Close(); err != nil {
		return err
	}
	return sharing.Rename(f.temp.Name(), path)
}

// Discard throws the content away. It does nothing after Commit, NameAs or
// another Discard, so it can be deferred.
func (f *File) Discard() error {
	if f.done {
		return nil
	}
	f.done = true
	closeErr := f.temp.Close()
	if errors.Is(closeErr, os.ErrClosed) {
		// A commit failed between close and rename.
		closeErr = nil
	}
	return errors.Join(closeErr, sharing.Remove(f.temp.Name()))
}

// Publish gives a finished file its name: staged, which lies on the same file
// system, is made durable and renamed over path, durably too. It is for files
// that something else wrote, such as a database.
func Publish(staged, path string) error {
	f, err := sharing.OpenFile(staged, os.O_RDWR, 0) // Windows syncs only what can be written
	if err != nil {
		return err
	}
	if err := errors.Join(syncContent(f), f.Close()); err != nil {
		return err
	}
	if err := sharing.Rename(staged, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// Sweep removes what killed processes left in dir: regular files with the
// name of a temporary file. Subdirectories are not entered; a missing dir is
// fine. A file that is being written looks the same, so hold the lock on dir.
// One file that cannot be removed does not spare the others.
func Sweep(dir string) error { return sweepOld(dir, 0) }

// sweepOld is Sweep where nobody has a lock: it spares what is younger than age, which
// somebody may be writing.
func sweepOld(dir string, age time.Duration) error {
	names, err := temporary(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot look for leftovers: %w", err)
	}
	var failure error
	for _, name := range names {
		path := filepath.Join(dir, name)
		info, err := os.Lstat(path)
		if err != nil || !info.Mode().IsRegular() || age > 0 && time.Since(info.ModTime()) < age {
			continue
		}
		err = sharing.Remove(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			failure = errors.Join(failure, fmt.Errorf("cannot remove a leftover: %w", err))
		}
	}
	return failure
}

// temporary are the names of temporary files in dir, which may hold a hundred thousand others.
func temporary(dir string) (found []string, err error) {
	f, err := sharing.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	for {
		names, err := f.Readdirnames(1024)
		for _, name := range names {
			if IsTemporary(name) {
				found = append(found, name)
			}
		}
		if err == io.EOF {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// IsTemporary says whether a file of that name is one that was to become another.
func IsTemporary(name string) bool {
	return strings.HasPrefix(name, TempPrefix) && strings.HasSuffix(name, TempSuffix)
}

// Temporary files are named TempPrefix, a random part, TempSuffix. They are
// left behind only by a process that was killed; Sweep removes them.
const (
	TempPrefix = ".engram-sync-"
	TempSuffix = ".tmp"
)

// abandoned is the age at which nobody writes to a temporary file of Write any more.
const abandoned = 10 * time.Minute

// swept are the directories that this process has looked for leftovers in.
var swept sync.Map

// Write replaces path by a file with this content and perm (before umask, as
// for os.OpenFile; the mode of a file that was there does not matter). Where
// path is a symbolic link, the file that it points to is replaced, so that
// linked dotfiles stay linked; a link that points nowhere is an error. The
// directory must exist. Of concurrent writers the last one wins, whole; on
// Windows one of them can fail instead, for lack of access. What killed processes left in
// the directory goes, once it is old.
func Write(path string, data []byte, perm os.FileMode) (err error) {
	target, err := followLink(path)
	if err != nil {
		return err
	}
	SweepOld(filepath.Dir(target))
	f, err := Create(target, perm)
	if err != nil {
		return err
	}
	// Does nothing after Commit; after a failed Write that error is the news.
	defer func() { err = errors.Join(err, f.Discard()) }()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Commit()
}

// SweepOld removes what killed processes left in dir, once it is old and once in this process.
// What stays does no harm.
func SweepOld(dir string) {
	if _, done := swept.LoadOrStore(dir, true); !done {
		_ = sweepOld(dir, abandoned)
	}
}

// followLink gives the path of the file that path is, or is a link to.
func followLink(path string) (string, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", fmt.Errorf("cannot follow the link %s: %w", path, err)
	}
	return target, nil
}

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/sharing"
	"github.com/engram-sync/engram-sync/internal/sqliteuri"
)

// StagingPrefix starts the names of directories in which a database is made
// until it is whole. Killed processes leave them behind. It is none of
// atomicfile's names, which are swept whatever their age: a backup may be going on.
const StagingPrefix = ".engram-sync-staging-"

// Backup writes the whole database to a new file at path, mode 0600, as it was at
// one moment. Updates go on meanwhile; until it is done, the write-ahead log
// only grows. Where path exists, the error wraps fs.ErrExist. The file appears
// whole or not at all; Restore takes it.
func (s *Store) Backup(ctx context.Context, path string) (err error) {
	// SQLite gets an absolute path: a name might look like one of its URIs.
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	if err := mustBeAbsent(path); err != nil {
		return err
	}
	staged, cleanUp, err := stage(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanUp()) }()
	if err := s.copyTo(ctx, staged); err != nil {
		return understood(err)
	}
	if err := mustBeAbsent(path); err != nil {
		return err
	}
	return atomicfile.Publish(staged, path)
}

// copyTo writes a compact copy into the empty file at path, as of one read
// transaction. It has a connection of its own: the writer's is for pushes, and
// those of readers refuse to write even elsewhere.
func (s *Store) copyTo(ctx context.Context, path string) error {
	own, err := sql.Open("sqlite", sqliteuri.Of(s.path, url.Values{"_pragma": ownPragmas, "_txlock": {"deferred"}}))
	if err != nil {
		return err
	}
	_, err = own.ExecContext(ctx, "VACUUM INTO ?", path)
	return errors.Join(err, own.Close())
}

// stage makes an empty file, mode 0600, in a new directory of its own in dir:
// what SQLite puts next to it goes with it.
func stage(dir string) (path string, cleanUp func() error, err error) {
	own, err := os.MkdirTemp(dir, StagingPrefix) // 0700
	if err != nil {
		return "", nil, err
	}
	cleanUp = func() error { return sharing.RemoveAll(own) }
	path = filepath.Join(own, "staged.db")
	f, err := sharing.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return "", nil, errors.Join(err, cleanUp())
	}
	return path, cleanUp, nil
}

// mustBeAbsent gives an error that wraps fs.ErrExist if something is at path.
func mustBeAbsent(path string) error {
	_, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return fs.ErrExist
}

// ErrInUse says that what should be restored is no backup but the database of a
// server that runs, or was killed.
var ErrInUse = errors.New("it is in use, or its server was killed: make a backup of it and restore that")

// journals are what SQLite keeps beside a database. Next to one that they do
// not belong to they would destroy it.
var journals = []string{"-wal", "-shm", "-journal"}

// Restore makes a database at path out of a file that Backup wrote; those of older
// releases will do. Where path, or a journal for it, exists, the error wraps
// fs.ErrExist. A file that is not from Backup is ErrForeign or ErrInUse, one that
// fails SQLite's integrity check is ErrDamaged: nothing gets the name path before
// that. Nobody else may open or make path meanwhile.
func Restore(ctx context.Context, backupFile, path string) (err error) {
	for _, suffix := range append([]string{""}, journals...) {
		if err := mustBeAbsent(path + suffix); err != nil {
			return fmt.Errorf("%s: %w", path+suffix, err)
		}
	}
	staged, cleanUp, err := stage(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanUp()) }()
	if err := copyFile(ctx, backupFile, staged); err != nil {
		return err
	}
	if err := examine(ctx, staged, isWhole); err != nil {
		return err
	}
	return atomicfile.Publish(staged, path)
}

// copyFile copies the file at from into the one at to. It takes regular files
// only, since others need not end, and no database that has journals: part of it
// is in those, which lie where the file is, and not beside a link to it.
func copyFile(ctx context.Context, from, to string) (err error) {
	if from, err = filepath.EvalSymlinks(from); err != nil {
		return err
	}
	info, err := os.Stat(from) // before the open, which could block
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return ErrForeign
	}
	for _, suffix := range journals {
		if err := mustBeAbsent(from + suffix); err != nil {
			return fmt.Errorf("%w (%s: %w)", ErrInUse, from+suffix, err)
		}
	}
	in, err := sharing.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := sharing.OpenFile(to, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, cancellable.Reader(ctx, in))
	return errors.Join(err, out.Close())
}

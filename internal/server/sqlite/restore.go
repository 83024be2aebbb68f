package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/cancellable"
)

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
// is in those.
func copyFile(ctx context.Context, from, to string) (err error) {
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
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, cancellable.Reader(ctx, in))
	return errors.Join(err, out.Close())
}

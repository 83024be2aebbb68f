package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
)

// ErrInUse says that what should be restored is no backup but the database of a
// server that runs, or was killed.
var ErrInUse = errors.New("it is in use, or its server was killed: make a backup of it and restore that")

// journals are what SQLite keeps beside a database. Next to one that they do
// not belong to they would destroy it.
var journals = []string{"-wal", "-shm", "-journal"}

// Restore makes the server of a backup in dir, which is created with mode 0700
// where it is missing. Where dir has a server already, or the journals of one,
// nothing happens and the error wraps fs.ErrExist. A file that is not from
// Backup is ErrForeign or ErrInUse, one that fails SQLite's integrity check is
// ErrDamaged: nothing gets the database's name before that. A signing.key in dir is kept
// and used; without one, Open makes a new one, and everybody signs in again.
// Backups of older releases will do. Openers of dir wait meanwhile.
func Restore(ctx context.Context, backupFile, dir string) error {
	if err := restore(ctx, backupFile, dir); err != nil {
		return fmt.Errorf("restore %s: %w", backupFile, err)
	}
	return nil
}

func restore(ctx context.Context, backupFile, dir string) (err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	unlock, err := lockDir(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = both(err, unlock()) }()
	path := filepath.Join(dir, databaseFile)
	for _, suffix := range append([]string{""}, journals...) {
		if err := mustBeAbsent(path + suffix); err != nil {
			return fmt.Errorf("%s: %w", path+suffix, err)
		}
	}
	staged, cleanUp, err := stage(dir)
	if err != nil {
		return err
	}
	defer func() { err = both(err, cleanUp()) }()
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
	defer func() { err = both(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, contextReader{ctx, in})
	return both(err, out.Close())
}

// contextReader fails once its context has ended.
type contextReader struct {
	ctx context.Context
	io.Reader
}

// Read implements io.Reader.
func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

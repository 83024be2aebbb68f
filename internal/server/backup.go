package server

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
)

// stagingPrefix starts the names of directories in which a database is made
// until it is whole. It is none of atomicfile's names: Open sweeps those in the
// data directory, where a backup may be going on.
const stagingPrefix = ".engram-sync-staging-"

// Backup writes all accounts, chunks and mutations to a new file at path, mode
// 0600, as they were at one moment. Pushes go on meanwhile; until it is done, the
// database's write-ahead log only grows. Where path exists, the error wraps
// fs.ErrExist. The file appears whole or not at all; Restore takes it.
//
// The signing key is not in it, so that a backup is no master key to every
// account: after a Restore to another directory everybody signs in again, while
// passwords and API keys stay good. To keep tokens good as well, copy
// signing.key from the data directory, apart and just as secret. What a backup
// does have is everybody's memories and password hashes.
func (s *Server) Backup(ctx context.Context, path string) error {
	if err := s.backup(ctx, path); err != nil {
		return fmt.Errorf("back up to %s: %w", path, err)
	}
	return nil
}

func (s *Server) backup(ctx context.Context, path string) (err error) {
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
	defer func() { err = both(err, cleanUp()) }()
	if err := s.db.copyTo(ctx, staged); err != nil {
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
func (db *database) copyTo(ctx context.Context, path string) error {
	own, err := sql.Open("sqlite", dataSource(db.path, ownPragmas, "_txlock", "deferred"))
	if err != nil {
		return err
	}
	_, err = own.ExecContext(ctx, "VACUUM INTO ?", path)
	return both(err, own.Close())
}

// stage makes an empty file, mode 0600, in a new directory of its own in dir:
// what SQLite puts next to it goes with it.
func stage(dir string) (path string, cleanUp func() error, err error) {
	own, err := os.MkdirTemp(dir, stagingPrefix) // 0700
	if err != nil {
		return "", nil, err
	}
	cleanUp = func() error { return os.RemoveAll(own) }
	path = filepath.Join(own, databaseFile)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return "", nil, both(err, cleanUp())
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

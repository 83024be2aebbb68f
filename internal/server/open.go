package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/filelock"
	"github.com/engram-sync/engram-sync/internal/server/lineage"
	"github.com/engram-sync/engram-sync/internal/server/postgres"
	"github.com/engram-sync/engram-sync/internal/server/signin"
	"github.com/engram-sync/engram-sync/internal/server/spool"
	"github.com/engram-sync/engram-sync/internal/server/sqlite"
	"github.com/engram-sync/engram-sync/internal/server/store"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// Names inside of the data directory.
const (
	databaseFile = "server.db"
	keyFile      = "signing.key"
	lockFile     = "open.lock"
	spoolDir     = "spool"
	indexDir     = "pages"
)

// What commands tell apart of the errors of the floors below.
var (
	ErrNoUser     = store.ErrNoUser
	ErrUnreached  = store.ErrUnavailable
	ErrUnusable   = store.ErrUnusable
	ErrUserExists = store.ErrUserExists
	ErrEmpty      = store.ErrEmpty
	ErrForeign    = store.ErrForeign
	ErrDamaged    = sqlite.ErrDamaged
	ErrInUse      = sqlite.ErrInUse
	ErrReplaced   = lineage.ErrReplaced
	ErrOlder      = lineage.ErrOlder
	// ErrOwnTools says that a database is backed up by what comes with it.
	ErrOwnTools = errors.New("PostgreSQL is backed up with its own tools, such as pg_dump")
	// ErrGone says that a data directory has a signing key, and no database, or an empty one.
	ErrGone = errors.New("the database is gone")
	// ErrExposed says that others can read or change what is the server's alone.
	ErrExposed = errors.New("others can get at it")
)

// Exists says, by an error that wraps fs.ErrNotExist, that no Server ever opened
// dir. It changes nothing.
func Exists(dir string) error {
	_, err := os.Stat(filepath.Join(dir, databaseFile))
	return err
}

// DatabaseExists is Exists for what Options.Database names, where the error is ErrEmpty.
func DatabaseExists(ctx context.Context, address string) error { return postgres.Exists(ctx, address) }

// Open makes a Server on opts.Database, or else on opts.Dir, and first the
// directory, database and signing key where they are missing. It waits while
// another process does the same; ctx bounds that. With opts.Serves, a directory
// that is served already is a *ServedError. The caller must Close the Server.
func Open(ctx context.Context, opts Options) (*Server, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Database != "" {
		return openShared(ctx, opts)
	}
	// SQLite gets an absolute path: it must not depend on a later chdir.
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the data directory: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, spoolDir), 0o700); err != nil {
		return nil, fmt.Errorf("create the data directory: %w", err)
	}
	if !opts.Serves {
		return openLocked(ctx, dir, opts)
	}
	release, err := claim(ctx, dir, opts.LockWait)
	if err != nil {
		return nil, err
	}
	s, err := openLocked(ctx, dir, opts)
	if err != nil {
		return nil, errors.Join(err, release())
	}
	s.release = release
	return s, nil
}

func openLocked(ctx context.Context, dir string, opts Options) (*Server, error) {
	unlock, err := lockDir(ctx, dir)
	if err != nil {
		return nil, err
	}
	s, err := openDir(ctx, dir, opts)
	err = errors.Join(err, unlock())
	if err != nil && s != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, err
}

// openDir does the part of Open that two processes must not do at once.
func openDir(ctx context.Context, dir string, opts Options) (*Server, error) {
	bodies := filepath.Join(dir, spoolDir)
	err := cmp.Or(atomicfile.Sweep(dir), spool.Sweep(bodies, spool.Prefix), spool.Sweep(dir, sqlite.StagingPrefix))
	if err != nil {
		return nil, err
	}
	if err := mayOpen(filepath.Join(dir, keyFile), filepath.Join(dir, databaseFile)); err != nil {
		return nil, err
	}
	// The database first: who is killed in between has no key without one.
	db, err := sqlite.Open(ctx, filepath.Join(dir, databaseFile), opts.Now)
	if err != nil {
		return nil, err
	}
	_, keyless := os.Lstat(filepath.Join(dir, keyFile)) // then the database gets another one, whose ever it was
	key, err := signin.KeyFile(filepath.Join(dir, keyFile))
	line := lineage.Lineage{DB: db, File: filepath.Join(dir, lineage.File), Log: opts.Logger}
	if err == nil && keyless == nil {
		err = line.Check(ctx, key)
	}
	if err == nil {
		err = line.Note(ctx, key)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := newServer(db, key, bodies, filepath.Join(dir, indexDir), opts)
	s.backup = func(ctx context.Context, path string) error {
		if err := db.Backup(ctx, path); err != nil {
			return err
		}
		unlock, err := lockDir(ctx, dir)
		if err != nil {
			return err
		}
		return errors.Join(line.Note(ctx, key), unlock()) // the copy is older from now on
	}
	return s, nil
}

// mayOpen refuses to begin anew, without a word, where something was lost: the key of a server
// without its database, which was moved, or lies on a disk that is not there. Nor is anything
// opened that others can get at.
func mayOpen(key, database string) error {
	sizes := map[string]int64{}
	for _, path := range []string{key, database} {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		sizes[path] = info.Size()
		if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
			return fmt.Errorf("%w: %s has the mode %04o; make it 0600", ErrExposed, path, mode)
		}
	}
	if _, has := sizes[key]; has && sizes[database] == 0 {
		return fmt.Errorf("%w: %s belongs to it; bring %s back, from a backup with `engram-sync serve restore`, or remove the key as well to begin a new server",
			ErrGone, key, database)
	}
	return nil
}

// openShared opens a database that other processes, also of other machines, have
// open too: the signing key is in there. Of this machine are only the files that
// bodies wait in.
func openShared(ctx context.Context, opts Options) (*Server, error) {
	if err := cmp.Or(os.MkdirAll(opts.Dir, 0o700), spool.Sweep(opts.Dir, spool.Prefix)); err != nil {
		return nil, fmt.Errorf("%w: %w", spool.ErrDisk, err)
	}
	db, err := postgres.Open(ctx, opts.Database, opts.Now)
	if err != nil {
		return nil, err
	}
	key, err := db.Secret(ctx, keyFile, signin.NewKey())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("get the signing key: %w", err), db.Close())
	}
	// What this machine knows of the database that the URL names.
	own := lineage.Fingerprint([]byte(opts.Database))[:16]
	line := lineage.Lineage{DB: db, File: filepath.Join(opts.Dir, "database-"+own+".lineage"), Log: opts.Logger}
	if err = line.Check(ctx, key); err == nil {
		err = line.Note(ctx, key)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return newServer(db, key, opts.Dir, filepath.Join(opts.Dir, indexDir+"-"+own), opts), nil
}

// Restore makes the server of a backup in dir, which is created with mode 0700
// where it is missing. Where dir has a server already, or the journals of one,
// nothing happens and the error wraps fs.ErrExist. A file that is not from
// Backup is ErrForeign or ErrInUse, a damaged one ErrDamaged. A signing.key in
// dir is kept and used; without one, Open makes a new one, and everybody signs
// in again. Openers of dir wait meanwhile.
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
	err = sqlite.Restore(ctx, backupFile, filepath.Join(dir, databaseFile))
	if err == nil { // an older one is meant
		if err = sharing.Remove(filepath.Join(dir, lineage.File)); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	return errors.Join(err, unlock())
}

// Backup writes all accounts, chunks and mutations to a new file at path, mode
// 0600, as they were at one moment. Pushes go on meanwhile. Where path exists,
// the error wraps fs.ErrExist. The file appears whole or not at all; Restore
// takes it. Only SQLite has this, else the error is ErrOwnTools.
//
// The signing key is not in it, so that a backup is no master key to every
// account: after a Restore to another directory everybody signs in again, while
// passwords and API keys stay good. To keep tokens good as well, copy
// signing.key from the data directory, apart and just as secret. What a backup
// does have is everybody's memories and password hashes.
func (s *Server) Backup(ctx context.Context, path string) error {
	if s.backup == nil {
		return ErrOwnTools
	}
	if err := s.backup(ctx, path); err != nil {
		return fmt.Errorf("back up to %s: %w", path, err)
	}
	return nil
}

// lockDir keeps other processes from opening or restoring into dir until unlock
// is called. Those that have opened it before are not kept from anything.
func lockDir(ctx context.Context, dir string) (unlock func() error, err error) {
	unlock, err = filelock.Lock(ctx, filepath.Join(dir, lockFile))
	if err != nil {
		return nil, fmt.Errorf("lock the data directory %s: %w", dir, err)
	}
	return unlock, nil
}

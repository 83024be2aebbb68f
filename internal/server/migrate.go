package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/filelock"
	"github.com/engram-sync/engram-sync/internal/server/migrate"
	"github.com/engram-sync/engram-sync/internal/server/postgres"
	"github.com/engram-sync/engram-sync/internal/server/sqlite"
	"github.com/engram-sync/engram-sync/internal/server/store"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// Migrated is what Migrate found of one account. The JSON form is stable.
type Migrated = migrate.User

// Why Migrate did not copy.
var (
	ErrTargetBusy    = store.ErrBusy
	ErrOtherData     = migrate.ErrOther
	ErrSourceChanged = migrate.ErrChanged
	ErrNotCopied     = migrate.ErrDiffers
)

// Migrate copies all that the server keeps to where to says, which is made where it is
// missing, reads it back, and tells of each account. What is there is not copied again:
// after an error, or when more came since, the same call goes on. A target that holds
// anything else is ErrOtherData, and nothing is written.
//
// The signing key comes last: a target that somebody serves before all is there makes
// one of its own, and is refused from then on.
func (s *Server) Migrate(ctx context.Context, to Options, tell func(Migrated)) (err error) {
	target, err := openTarget(ctx, to)
	if err != nil {
		return fmt.Errorf("open the target: %w", err)
	}
	defer func() { err = errors.Join(err, target.close()) }()
	if target.key != nil && !bytes.Equal(target.key, s.key) {
		return fmt.Errorf("%w: a signing key of its own", ErrOtherData)
	}
	if err := migrate.Copy(ctx, s.store, target.store, tell); err != nil || target.key != nil {
		return err
	}
	if err := target.keepKey(ctx, s.key); err != nil {
		return fmt.Errorf("copy the signing key: %w", err)
	}
	return nil
}

// target is what Migrate writes to.
type target struct {
	store   store.Store
	key     []byte // nil before there is one
	keepKey func(ctx context.Context, key []byte) error
	close   func() error
}

func openTarget(ctx context.Context, to Options) (*target, error) {
	if to.Database != "" {
		return openTargetDatabase(ctx, to.Database)
	}
	dir, err := filepath.Abs(to.Dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	unlock, err := filelock.TryLock(ctx, filepath.Join(dir, lockFile), 0) // until all is there: nobody serves half of it
	if errors.Is(err, filelock.ErrHeld) {
		return nil, fmt.Errorf("%w, or opens a server there: %s is locked", ErrTargetBusy, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("lock the data directory %s: %w", dir, err)
	}
	t, err := openTargetDir(ctx, dir)
	if err != nil {
		return nil, errors.Join(err, unlock())
	}
	t.close = func() error { return errors.Join(t.store.Close(), unlock()) }
	return t, nil
}

func openTargetDir(ctx context.Context, dir string) (*target, error) {
	path := filepath.Join(dir, keyFile)
	key, err := sharing.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	db, err := sqlite.Open(ctx, filepath.Join(dir, databaseFile), time.Now)
	if err != nil {
		return nil, err
	}
	keep := func(_ context.Context, key []byte) error { return atomicfile.Write(path, key, 0o600) }
	return &target{store: db, key: key, keepKey: keep}, nil
}

func openTargetDatabase(ctx context.Context, address string) (*target, error) {
	db, err := postgres.Open(ctx, address, time.Now)
	if err != nil {
		return nil, err
	}
	leave, err := db.Migrating(ctx) // two that copy at once would each take what the other brings for foreign
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	closeAll := func() error { return errors.Join(leave(), db.Close()) }
	key, err := db.KnownSecret(ctx, keyFile)
	if err != nil {
		return nil, errors.Join(err, closeAll())
	}
	keep := func(ctx context.Context, key []byte) error {
		kept, err := db.Secret(ctx, keyFile, key)
		if err == nil && !bytes.Equal(kept, key) {
			err = fmt.Errorf("%w: a server was started on it meanwhile", ErrOtherData)
		}
		return err
	}
	return &target{store: db, key: key, keepKey: keep, close: closeAll}, nil
}

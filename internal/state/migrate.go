package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// MigrateFrom moves here what was remembered of the same remote while the account
// had another name. What is here already stays, and its namesake there too.
// The caller holds the lock; that of the other name is taken meanwhile, for
// which Adopt waits like Lock.
func (j *AccountState) MigrateFrom(ctx context.Context, wait time.Duration, dir, account string) (err error) {
	other := &AccountState{dir: accountDir(dir, j.remote, account), remote: j.remote}
	entries, err := os.ReadDir(other.dir)
	if errors.Is(err, fs.ErrNotExist) || other.dir == j.dir {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for older state: %w", err)
	}
	unlock, err := other.Lock(ctx, wait)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	for _, entry := range entries {
		path := j.Path(entry.Name())
		if _, err := os.Lstat(path); entry.Name() == lockName || !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.Rename(filepath.Join(other.dir, entry.Name()), path); err != nil {
			return fmt.Errorf("take over older state: %w", err)
		}
	}
	return nil
}

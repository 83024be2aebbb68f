package server

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// lockRetry is how often lockDir looks whether another process is done.
const lockRetry = 10 * time.Millisecond

// lockDir keeps other processes from opening or restoring into dir until unlock
// is called. Those that have opened it before are not kept from anything.
func lockDir(ctx context.Context, dir string) (unlock func() error, err error) {
	lock := flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, lockRetry); err != nil {
		return nil, fmt.Errorf("lock the data directory %s: %w", dir, err)
	}
	return func() error {
		if err := lock.Unlock(); err != nil {
			return fmt.Errorf("unlock the data directory: %w", err)
		}
		return nil
	}, nil
}

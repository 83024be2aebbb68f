//go:build !windows

package chunkdir

import (
	"context"
	"time"

	"github.com/engram-sync/engram-sync/internal/filelock"
)

// tryLock locks the directory itself, which needs no file of ours.
func (d *Dir) tryLock(ctx context.Context, wait time.Duration) (unlock func() error, err error) {
	return filelock.TryLockDir(ctx, d.path, wait)
}

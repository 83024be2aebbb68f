package chunkdir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/engram-sync/engram-sync/internal/filelock"
)

// tryLock locks a file in StateDir: Windows locks no directories.
func (d *Dir) tryLock(ctx context.Context, wait time.Duration) (unlock func() error, err error) {
	path, err := d.statePath(".lock")
	if err != nil {
		return nil, err
	}
	if path == "" {
		return nil, errors.New("there is no state directory to hold the lock")
	}
	if err := os.MkdirAll(filepath.Dir(path), statePerm); err != nil {
		return nil, fmt.Errorf("make the state directory: %w", err)
	}
	return filelock.TryLock(ctx, path, wait)
}

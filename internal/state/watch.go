package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/engram-sync/engram-sync/internal/filelock"
)

// WatchedError says that another process watches the same chunk directory.
type WatchedError struct{ Dir string }

func (e *WatchedError) Error() string {
	return fmt.Sprintf("another sync --watch is at work on %s", e.Dir)
}

// Watch says that this process watches a chunk directory, a path without links, until unlock is called or the process
// ends; it gives a *WatchedError where another one does. It does not keep single runs from the directory.
func Watch(ctx context.Context, root Root, dir string) (unlock func() error, err error) {
	path := root.Path("watches", fileName(dir)+".lock")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the state directory: %w", err)
	}
	unlock, err = filelock.TryLock(ctx, path, 0)
	if errors.Is(err, filelock.ErrHeld) {
		return nil, &WatchedError{dir}
	}
	if err != nil {
		return nil, fmt.Errorf("lock the watch of %s: %w", dir, err)
	}
	return unlock, nil
}

package chunkdir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// newLock is a lock on a file in StateDir: Windows locks no directories.
func (d *Dir) newLock() (*flock.Flock, error) {
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
	return flock.New(path), nil
}

//go:build !windows

package chunkdir

import (
	"os"

	"github.com/gofrs/flock"
)

// newLock is a lock on the directory itself, which needs no file of ours and
// no permission to write.
func (d *Dir) newLock() (*flock.Flock, error) {
	return flock.New(d.path, flock.SetFlag(os.O_RDONLY)), nil
}

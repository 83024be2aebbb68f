//go:build !windows

package repofile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// openNoFollow opens path for reading, but no symbolic link, and without
// waiting for the other end of a pipe.
func openNoFollow(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	// What the systems say about a link, and about a socket.
	for _, refusal := range []error{syscall.ELOOP, syscall.EMLINK, syscall.ENXIO, syscall.EOPNOTSUPP} {
		if errors.Is(err, refusal) {
			return nil, &fs.PathError{Op: "open", Path: path, Err: ErrNotRegular}
		}
	}
	return f, err
}

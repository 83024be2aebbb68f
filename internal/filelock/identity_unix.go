//go:build !windows

package filelock

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Identity is a name of what an open file or directory is, whatever path leads to it:
// its device and its inode. It is good as long as the file is there.
func Identity(f *os.File) (string, error) {
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", errors.ErrUnsupported
	}
	return fmt.Sprintf("%x-%x", stat.Dev, stat.Ino), nil
}

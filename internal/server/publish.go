package server

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// publish makes the file at staged durable and gives it its name, durably too.
// Both are on one file system.
func publish(staged, path string) error {
	f, err := os.OpenFile(staged, os.O_RDWR, 0) // Windows syncs only what can be written
	if err != nil {
		return err
	}
	if err := both(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(staged, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a rename in dir durable. Windows cannot sync directories, and
// some file systems know no such thing.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return both(err, d.Close())
}

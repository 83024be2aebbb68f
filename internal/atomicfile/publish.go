package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
)

// Publish gives a finished file its name: staged, which lies on the same file
// system, is made durable and renamed over path, durably too. It is for files
// that something else wrote, such as a database.
func Publish(staged, path string) error {
	f, err := os.OpenFile(staged, os.O_RDWR, 0) // Windows syncs only what can be written
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(staged, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

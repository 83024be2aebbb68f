package sharing

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/windows"
)

// open is os.Open, which in Go 1.26 keeps others from renaming over the file.
func open(path string) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	handle, err := syscall.CreateFile(name, syscall.GENERIC_READ,
		syscall.FILE_SHARE_READ|syscall.FILE_SHARE_WRITE|syscall.FILE_SHARE_DELETE,
		nil, syscall.OPEN_EXISTING, syscall.FILE_ATTRIBUTE_NORMAL|syscall.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(handle), path), nil
}

// rename is os.Rename, and also replaces what others have open, if they allow it: within
// one directory, which is what os.Root can do and os.Rename can't.
func rename(from, to string) error {
	dir := filepath.Dir(from)
	if dir != filepath.Dir(to) {
		return os.Rename(from, to)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // only a name was changed in it
	return root.Rename(filepath.Base(from), filepath.Base(to))
}

// inUse is what Windows says of a file that others have open, without a doubt.
func inUse(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_LOCK_VIOLATION) ||
		errors.Is(err, windows.ERROR_USER_MAPPED_FILE) || errors.Is(err, windows.ERROR_DELETE_PENDING)
}

// hinders says whether others are why a file could not be opened or read. Access is denied
// to a file that is being removed too, and then to its attributes as well.
func hinders(path string, err error) bool {
	if !errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return inUse(err)
	}
	_, err = attributes(path)
	return errors.Is(err, windows.ERROR_ACCESS_DENIED)
}

// keeps says whether others are why a file could not be removed or replaced. Access is
// denied then too, unless the file is a directory or meant to stay as it is.
func keeps(path string, err error) bool {
	if !errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return inUse(err)
	}
	found, err := attributes(path)
	return err == nil && found&(windows.FILE_ATTRIBUTE_DIRECTORY|windows.FILE_ATTRIBUTE_READONLY) == 0 ||
		errors.Is(err, windows.ERROR_ACCESS_DENIED)
}

func attributes(path string) (uint32, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	return windows.GetFileAttributes(name)
}

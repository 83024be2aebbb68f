//go:build linux || darwin

package place

import "golang.org/x/sys/unix"

// Free is how many bytes the user may still write where path lies.
func Free(path string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(path, &stat); err != nil {
		return 0, err
	}
	return int64(stat.Bavail) * int64(stat.Bsize), nil
}

// Writable says whether files can be made in a directory; nil if so.
func Writable(path string) error { return unix.Access(path, unix.W_OK|unix.X_OK) }

package chunkdir

import (
	"io/fs"
	"syscall"
	"time"
)

// inode is the number of a file, and when that was changed in any way.
func inode(info fs.FileInfo) (number uint64, changed time.Time) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, time.Unix(0, 0)
	}
	return stat.Ino, time.Unix(stat.Ctimespec.Unix())
}

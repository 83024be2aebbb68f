//go:build !windows

package chunkdir

import (
	"fmt"
	"io/fs"
	"syscall"
)

func inode(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("#%d", stat.Ino)
}

// changed is when anything of a file was changed last, its time included, which nobody can
// set back.
func changed(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("~%d", ctime(stat))
}

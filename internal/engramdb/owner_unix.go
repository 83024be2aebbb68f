//go:build !windows

package engramdb

import (
	"io/fs"
	"os"
	"syscall"
)

// ownedByUs says whether what we make beside the file would belong to its owner.
func ownedByUs(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// unlinksOpen says whether a file that we hold open can be removed.
const unlinksOpen = true

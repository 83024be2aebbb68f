package chunkdir

import (
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Stamp tells whether a chunk file has been written anew since: its size and the
// time of its last change, as one text. It also gives the size. Nothing says
// that the content is good.
func (d *Dir) Stamp(id engram.ChunkID) (stamp string, size int64, err error) {
	info, err := d.stat(id)
	if err != nil {
		return "", 0, err
	}
	return stampOf(info), info.Size(), nil
}

// FileStamp is Stamp for who trusts it for longer: where the system tells, another file of
// the same size and time has another one. It also gives that time.
func (d *Dir) FileStamp(id engram.ChunkID) (stamp string, changed time.Time, err error) {
	info, err := d.stat(id)
	if err != nil {
		return "", time.Time{}, err
	}
	return stampOf(info) + inode(info), info.ModTime(), nil
}

func (d *Dir) stat(id engram.ChunkID) (fs.FileInfo, error) {
	err := d.checkSpelling(id)
	var info fs.FileInfo
	if err == nil {
		info, err = os.Lstat(d.chunkPath(id))
	}
	if err == nil && !info.Mode().IsRegular() {
		err = ErrNotRegular
	}
	if err != nil {
		return nil, fmt.Errorf("cannot look at chunk %s: %w", id, err)
	}
	return info, nil
}

func stampOf(info fs.FileInfo) string {
	return fmt.Sprintf("%d@%d", info.Size(), info.ModTime().UnixNano())
}

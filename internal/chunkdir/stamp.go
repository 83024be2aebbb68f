package chunkdir

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

// State is a text that is the same as long as the manifest and all that lies among the chunk files is, by the names, sizes,
// times and, where the system tells, inodes. It reads no file, so it says nothing of what is in them.
func (d *Dir) State() (string, error) {
	sum := sha256.New()
	add := func(name, path string) error {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			_, err = fmt.Fprintf(sum, "%s\x00%s%s\x00", name, stampOf(info), inode(info))
		}
		return err
	}
	err := add(ManifestName, d.manifestPath())
	if err != nil {
		return "", fmt.Errorf("cannot look at the manifest: %w", err)
	}
	names, err := d.names()
	slices.Sort(names)
	for _, name := range names {
		err = cmp.Or(err, add(name, filepath.Join(d.path, ChunksName, name)))
	}
	if err != nil {
		return "", fmt.Errorf("cannot look at the chunk files: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
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

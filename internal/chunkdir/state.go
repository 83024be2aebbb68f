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
	"runtime"
	"slices"
	"time"
)

// settledAfter is how long ago something changed last if its time tells it from whatever comes next: clocks of file
// systems go in steps of up to two seconds.
const settledAfter = 3 * time.Second

// State is a text that is the same as long as the manifest is, and the files in chunks/ are: by size, time and, where the
// system tells, inode and the time that a copy cannot take along. It reads no file. A file that comes, goes, or takes the place of another, as whoever writes whole files
// does, changes the time of chunks/, and that alone is looked at. So a file whose bytes are changed in place is not
// noticed: it is no chunk any more, whose name is its hash, and whoever reads it sees that; verify looks at each.
// Where the time of a directory does not tell, since it is too young, or on a system that may not keep it, all files are looked at.
func (d *Dir) State() (string, error) { return d.state(time.Now()) }

func (d *Dir) state(now time.Time) (string, error) {
	chunks := filepath.Join(d.path, ChunksName)
	text, settled := "", runtime.GOOS != "windows"
	for _, path := range []string{d.manifestPath(), chunks} {
		info, err := os.Lstat(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("cannot look at the chunk directory: %w", err)
		}
		if err == nil {
			text += stampOf(info) + inode(info) + changed(info)
			settled = settled && info.ModTime().Before(now.Add(-settledAfter))
		}
		text += ";"
	}
	if settled {
		return text, nil
	}
	files, err := d.stateOfFiles(chunks)
	return text + files, err
}

// stateOfFiles is a text that is the same as long as all that lies in chunks/ is.
func (d *Dir) stateOfFiles(chunks string) (string, error) {
	sum := sha256.New()
	names, err := d.names()
	slices.Sort(names)
	for _, name := range names {
		info, statErr := os.Lstat(filepath.Join(chunks, name))
		if statErr == nil {
			_, statErr = fmt.Fprintf(sum, "%s\x00%s%s\x00", name, stampOf(info), inode(info)+changed(info))
		} else if errors.Is(statErr, fs.ErrNotExist) {
			statErr = nil
		}
		err = cmp.Or(err, statErr)
	}
	if err != nil {
		return "", fmt.Errorf("cannot look at the chunk files: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

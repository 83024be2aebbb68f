package chunkdir

import (
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Identity is what the system tells of a chunk file without reading it.
type Identity struct {
	// Text is another one as soon as the file is written or replaced: its size, when it
	// was written, and, where the system has these, its number and its last change of any kind.
	Text string
	// Changed is the latest of these times. A file that is written twice within the
	// grain of the system's clock has one Text for both, so one that changed only just
	// now says nothing.
	Changed time.Time
}

// Identify looks at a chunk file, and never says that its content is good.
func (d *Dir) Identify(id engram.ChunkID) (Identity, error) {
	err := d.checkSpelling(id)
	var info fs.FileInfo
	if err == nil {
		info, err = os.Lstat(d.chunkPath(id))
	}
	if err == nil && !info.Mode().IsRegular() {
		err = ErrNotRegular
	}
	if err != nil {
		return Identity{}, fmt.Errorf("cannot look at chunk %s: %w", id, err)
	}
	written := info.ModTime()
	number, changed := inode(info)
	i := Identity{fmt.Sprintf("%d@%d#%d@%d", info.Size(), written.UnixNano(), number, changed.UnixNano()), written}
	if changed.After(written) {
		i.Changed = changed
	}
	return i, nil
}

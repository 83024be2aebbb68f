package chunkdir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// SpellingError says that there is no file of a chunk, and that none can be made: the volume
// does not tell case, and has a file under the name of the chunk in other letters. It
// wraps fs.ErrNotExist.
type SpellingError struct {
	Path string // of that file
	ID   engram.ChunkID
}

func (e *SpellingError) Error() string {
	return fmt.Sprintf("%s lies where the file of chunk %s belongs, as this volume does not tell case: rename it to %s",
		e.Path, e.ID, filepath.Base(ChunkName(e.ID)))
}

func (e *SpellingError) Unwrap() error { return fs.ErrNotExist }

// misspelt are the strays that have the name of a chunk in other letters, where the
// chunk has no file of its own. The listing is sorted.
func (l *Listing) misspelt() map[engram.ChunkID]string {
	strays := map[engram.ChunkID]string{}
	for i, s := range l.Strays {
		lower := strings.ToLower(s.Name)
		id, ok := chunkFileID(lower)
		if !ok || lower == s.Name { // a link, or the like, has the very name
			continue
		}
		if _, own := slices.BinarySearchFunc(l.Chunks, id, engram.ChunkID.Compare); own {
			continue
		}
		strays[id] = s.Name
		l.Strays[i].Reason = "the name of a chunk is in small letters: rename it to " + lower
	}
	return strays
}

// maxUnlisted is for how many chunks this costs less than a listing.
const maxUnlisted = 16

// tellsCase says that no file opens under the name of a chunk's file in capitals: then one that
// opens under its own name has that.
func (d *Dir) tellsCase(id engram.ChunkID) bool {
	dir, name := filepath.Split(d.chunkPath(id))
	_, err := os.Lstat(filepath.Join(dir, strings.ToUpper(name)))
	return errors.Is(err, fs.ErrNotExist)
}

// checkSpelling gives a *SpellingError where the name of a chunk's file opens one of another
// name. Only a listing tells how a name is spelt, so this goes by the last one: a
// chunk without such a stray costs no look at the disk. Before the first one, who opens
// just a few chunks needs none where the volume tells case.
func (d *Dir) checkSpelling(id engram.ChunkID) error {
	if d.misspelt.Load() == nil {
		if d.unlisted.Add(1) <= maxUnlisted && d.tellsCase(id) {
			return nil
		}
		if _, err := d.Files(context.Background()); err != nil {
			return err
		}
	}
	name, ok := (*d.misspelt.Load())[id]
	if !ok {
		return nil
	}
	stray := filepath.Join(d.path, ChunksName, name)
	theirs, theirErr := os.Lstat(stray)
	ours, ourErr := os.Lstat(d.chunkPath(id))
	// On a volume that tells case ours is nothing, a link, or a file that came since.
	if theirErr == nil && ourErr == nil && os.SameFile(theirs, ours) {
		return &SpellingError{Path: stray, ID: id}
	}
	return nil
}

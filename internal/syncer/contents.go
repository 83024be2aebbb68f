package syncer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// readContents reads the rows of a chunk file, and says what is wrong with it in
// the chunk's own words: that its bytes do not fit its id says more than that a
// row can't be read.
func readContents(c *engram.Chunk) (engram.Contents, error) {
	contents, err := engram.ReadContents(c)
	var damage *engram.DamageError
	var disk *fs.PathError
	switch {
	case err == nil || errors.As(err, &disk):
		return contents, err
	case errors.As(err, &damage):
		return contents, damage
	}
	if _, err := io.Copy(io.Discard, c); err != nil {
		return contents, err
	}
	return contents, fmt.Errorf("%w: it fits its id, but its rows cannot be read: %w", engram.ErrDamaged, err)
}

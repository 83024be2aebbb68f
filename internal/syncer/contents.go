package syncer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// readContents reads what checks across chunks need of a chunk file.
func readContents(c *engram.Chunk) (contents engram.Contents, err error) {
	err = readRows(c, func() (err error) {
		contents, err = engram.ReadContents(c)
		return err
	})
	return contents, err
}

// readRows lets read read the rows of a chunk file, and says what is wrong with
// it in the chunk's own words: that its bytes do not fit its id says more than
// that a row can't be read.
func readRows(c *engram.Chunk, read func() error) error {
	err := read()
	var damage *engram.DamageError
	var disk *fs.PathError
	switch {
	case err == nil || errors.As(err, &disk):
		return err
	case errors.As(err, &damage):
		return damage
	}
	if _, err := io.Copy(io.Discard, c); err != nil {
		return err
	}
	return fmt.Errorf("%w: it fits its id, but its rows cannot be read: %w", engram.ErrDamaged, err)
}

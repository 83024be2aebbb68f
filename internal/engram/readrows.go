package engram

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// ReadRows lets read read the rows of a chunk file, and says what is wrong with
// it in the chunk's own words: that its bytes do not fit its id says more than
// that a row can't be read.
func ReadRows[T any](c *Chunk, read func(io.Reader) (T, error)) (T, error) {
	result, err := read(c)
	var damage *DamageError
	var disk *fs.PathError
	switch {
	case err == nil || errors.As(err, &disk):
		return result, err
	case errors.As(err, &damage):
		return result, damage
	}
	if _, err := io.Copy(io.Discard, c); err != nil {
		return result, err
	}
	return result, fmt.Errorf("%w: it fits its id, but its rows cannot be read: %w", ErrDamaged, err)
}

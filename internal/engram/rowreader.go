package engram

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// memberReader reads the value of one member of a chunk.
type memberReader func(*json.Decoder) error

// readMembers reads the JSON of a chunk, and passes over members for which
// there is no reader. It reads to the end, so that a Chunk can check that.
func readMembers(r io.Reader, readers map[string]memberReader) error {
	dec := json.NewDecoder(r)
	if err := expectDelim(dec, '{'); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		read, ok := readers[fmt.Sprint(name)]
		if !ok {
			read = passOver
		}
		if err := read(dec); err != nil {
			return fmt.Errorf("%v: %w", name, err)
		}
	}
	if err := expectDelim(dec, '}'); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, io.MultiReader(dec.Buffered(), r))
	return err
}

func passOver(dec *json.Decoder) error {
	var skipped json.RawMessage
	return dec.Decode(&skipped)
}

// maxRows bounds a list of rows, and so the memory that is kept of each: a few
// megabytes of gzip can hold tens of millions of empty ones. engram's rows take
// 200 bytes and more, and a chunk of a million of them could hardly be read anyway.
const maxRows = 1 << 20

// rows reads a list of at most maxRows rows one by one, or the null that engram
// writes for an empty one.
func rows[T any](add func(T)) memberReader {
	return func(dec *json.Decoder) error {
		open, err := dec.Token()
		if err != nil || open == nil {
			return err
		}
		if open != json.Delim('[') {
			return errors.New("not a list")
		}
		for n := 0; dec.More(); n++ {
			if n == maxRows {
				return fmt.Errorf("more than %d rows", maxRows)
			}
			var row T
			if err := dec.Decode(&row); err != nil {
				return err
			}
			add(row)
		}
		_, err = dec.Token()
		return err
	}
}

func expectDelim(dec *json.Decoder, want json.Delim) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if token != want {
		return fmt.Errorf("%v where %v must stand", token, want)
	}
	return nil
}

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

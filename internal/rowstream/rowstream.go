// Package rowstream reads the JSON of a chunk as it comes, one row in memory at a time. What a row is,
// its callers say: engram, and the packages that look into chunks.
package rowstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// MemberReader reads the value of one member of a chunk.
type MemberReader func(*json.Decoder) error

// ReadMembers reads the JSON of a chunk, and passes over members for which
// there is no reader. It reads to the end, so that a Chunk can check that.
func ReadMembers(r io.Reader, readers map[string]MemberReader) error {
	dec := json.NewDecoder(r)
	if err := expectDelim(dec, '{'); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		read := readers[jsonscan.Alike(fmt.Sprint(name), slices.Collect(maps.Keys(readers)))] // in any case, as for engram
		if read == nil {
			read = func(dec *json.Decoder) error { return dec.Decode(new(json.RawMessage)) }
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

// MaxRows bounds a list of rows, and so the memory that is kept of each: a few
// megabytes of gzip can hold tens of millions of empty ones. engram's rows take
// 200 bytes and more, and a chunk of a million of them could hardly be read anyway.
const MaxRows = 1 << 20

// Rows reads a list of at most MaxRows rows one by one, or the null that engram
// writes for an empty one.
func Rows[T any](add func(T)) MemberReader {
	return func(dec *json.Decoder) error {
		open, err := dec.Token()
		if err != nil || open == nil {
			return err
		}
		if open != json.Delim('[') {
			return errors.New("not a list")
		}
		for n := 0; dec.More(); n++ {
			if n == MaxRows {
				return fmt.Errorf("more than %d rows", MaxRows)
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

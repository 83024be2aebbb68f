// Package engram holds the nouns of Engram's formats, with the rules that belong
// to each: chunk, manifest, row, mutation. Every other package may use them; they
// know nothing of disks, networks or clocks.
package engram

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// ErrBadChunkID is wrapped by every error about text that is not a chunk id.
var ErrBadChunkID = errors.New("not a chunk id (8 lower-case hex digits)")

const chunkIDLen = 8

// ChunkID names a chunk: the first 8 hex digits, in lower case, of the SHA-256
// of its uncompressed bytes. The zero value is no id. A ChunkID that is not
// zero is safe to use in a path or a URL. It is comparable, so it can be a map key.
type ChunkID struct {
	// A private field: only ParseChunkID and IDOf make ids.
	hex string
}

// ParseChunkID accepts exactly 8 lower-case hex digits, and nothing else:
// the account server treats upper-case ids as different chunks, and ids from
// the wire end up in paths.
func ParseChunkID(s string) (ChunkID, error) {
	if len(s) != chunkIDLen || strings.Trim(s, "0123456789abcdef") != "" {
		return ChunkID{}, fmt.Errorf("%.40q: %w", s, ErrBadChunkID)
	}
	return ChunkID{hex: s}, nil
}

// IDOf is the id of content whose SHA-256 is sum.
func IDOf(sum [32]byte) ChunkID {
	return ChunkID{hex: hex.EncodeToString(sum[:chunkIDLen/2])}
}

// String gives the 8 hex digits, or "" for the zero value.
func (id ChunkID) String() string { return id.hex }

// IsZero says whether id is the zero value, which names nothing.
func (id ChunkID) IsZero() bool { return id.hex == "" }

// Compare orders ids by their digits.
func (id ChunkID) Compare(other ChunkID) int { return strings.Compare(id.hex, other.hex) }

// MarshalText writes the id as its 8 digits.
func (id ChunkID) MarshalText() ([]byte, error) { return []byte(id.hex), nil }

// UnmarshalText is ParseChunkID for decoders.
func (id *ChunkID) UnmarshalText(text []byte) error {
	parsed, err := ParseChunkID(string(text))
	if err == nil {
		*id = parsed
	}
	return err
}

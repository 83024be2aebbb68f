package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
)

// keyBytes is the size of a signing key: that of the hash which it keys.
const keyBytes = 32

// signingKey reads the key that tokens are signed with, and makes it first
// where there is none. The caller holds the lock on the directory: a key that
// replaced another one would void the tokens issued under that.
func signingKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, keyBytes)
		rand.Read(key) // never fails
		err = atomicfile.Write(path, key, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("get the signing key: %w", err)
	}
	if len(key) != keyBytes {
		return nil, fmt.Errorf("the signing key %s is damaged (%d bytes, not %d): restore it, or remove it to sign everybody out",
			path, len(key), keyBytes)
	}
	return key, nil
}

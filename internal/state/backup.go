package state

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
)

// KeepManifest keeps a copy of the manifest of the chunk directory at path,
// before it is rewritten, and gives the path of the copy. dir is the state
// directory. Copies are never removed; the same text is kept once a second.
func KeepManifest(dir, path string, text []byte, now time.Time) (string, error) {
	whose, what := sha256.Sum256([]byte(path)), sha256.Sum256(text)
	dir = filepath.Join(dir, "manifests", hex.EncodeToString(whose[:8]))
	copied := filepath.Join(dir, now.UTC().Format("20060102T150405Z")+"-"+hex.EncodeToString(what[:4])+".json")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("keep a copy of the manifest: %w", err)
	}
	if err := atomicfile.Write(copied, text, 0o600); err != nil {
		return "", fmt.Errorf("keep a copy of the manifest: %w", err)
	}
	return copied, nil
}

package state

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"time"
)

// KeepManifest keeps a copy of the manifest of the chunk directory at path,
// before it is rewritten, and gives the path of the copy. dir is the state
// directory. Copies are never removed; the same text is kept once a second.
func KeepManifest(dir, path string, text []byte, now time.Time) (string, error) {
	what := sha256.Sum256(text)
	copied := filepath.Join(dir, "manifests", fileName(path), now.UTC().Format("20060102T150405Z")+"-"+hex.EncodeToString(what[:4])+".json")
	if err := write(copied, text); err != nil {
		return "", fmt.Errorf("keep a copy of the manifest: %w", err)
	}
	return copied, nil
}

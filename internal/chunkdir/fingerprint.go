package chunkdir

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// Fingerprint is a text that is the same as long as the manifest and the names
// of the chunk files are, for caches of what was made of them. It parses
// nothing, so it is much cheaper than ReadManifest and Files, and never says
// that anything is good.
func (d *Dir) Fingerprint() (string, error) {
	text, err := d.manifestText()
	if err != nil {
		return "", fmt.Errorf("cannot read %s: %w", d.manifestPath(), err)
	}
	names, err := d.names()
	if err != nil {
		return "", fmt.Errorf("cannot list the chunk files: %w", err)
	}
	slices.Sort(names)
	sum := sha256.New()
	fmt.Fprintf(sum, "%d %s", len(text), text)
	for _, name := range names {
		// No name has a zero byte in it.
		sum.Write(append([]byte(name), 0))
	}
	return hex.EncodeToString(sum.Sum(nil)[:16]), nil
}

// names are those of all that is in chunks/.
func (d *Dir) names() (names []string, err error) {
	f, err := d.openChunks()
	if f == nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Readdirnames(-1)
}

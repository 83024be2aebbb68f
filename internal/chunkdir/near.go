package chunkdir

import (
	"os"
	"path/filepath"
	"slices"
)

// Exists says whether there is something at a path.
func Exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Near says whether a path looks like a chunk directory, or like what one is in.
func Near(path string) bool {
	return slices.ContainsFunc([]string{".engram", ManifestName, ChunksName}, func(name string) bool { return Exists(filepath.Join(path, name)) })
}

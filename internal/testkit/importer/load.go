package importer

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Load reads a chunk directory of the disk.
func Load(path string) (Directory, error) {
	text, err := os.ReadFile(filepath.Join(path, "manifest.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return Directory{Version: 1}, nil
	}
	var manifest struct {
		Version int
		Chunks  []struct{ ID string }
	}
	if err == nil {
		err = json.Unmarshal(text, &manifest)
	}
	if err != nil {
		return Directory{}, err
	}
	dir := Directory{Version: manifest.Version}
	for _, entry := range manifest.Chunks {
		c := Chunk{ID: entry.ID}
		packed, err := os.ReadFile(filepath.Join(path, "chunks", entry.ID+".jsonl.gz"))
		if c.Missing = errors.Is(err, fs.ErrNotExist); err != nil && !c.Missing {
			return Directory{}, err
		}
		if err == nil {
			c.Text, err = gunzip(packed)
			c.Broken = err != nil
		}
		dir.Chunks = append(dir.Chunks, c)
	}
	return dir, nil
}

func gunzip(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

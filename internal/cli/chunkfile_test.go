package cli

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
)

func contentID(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:4])
}

// storeChunk puts content into a chunk directory under the id that fits it.
func storeChunk(dir string, content []byte) (id string, err error) {
	id = contentID(content)
	return id, writeChunkFile(filepath.Join(dir, "chunks", id+".jsonl.gz"), content)
}

// writeChunkFile makes a chunk file the way engram does.
func writeChunkFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(f)
	_, err = z.Write(content)
	return errors.Join(err, z.Close(), f.Close())
}

// readChunkFile gives the content of a chunk file, whose gzip must be whole.
func readChunkFile(path string) (content []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

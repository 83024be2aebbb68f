package engramdb_test

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// chunksOf reads the chunks that a release wrote beside its database.
func chunksOf(t *testing.T, release string) (chunks []engram.ChunkRows) {
	t.Helper()
	files, err := fixtures.ChunkFiles(release)
	if err != nil || len(files) == 0 {
		t.Fatalf("%d chunks, %v", len(files), err)
	}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		var rows engram.ChunkRows
		if err := json.NewDecoder(z).Decode(&rows); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		chunks = append(chunks, rows)
	}
	return chunks
}

func encode(t *testing.T, rows engram.ChunkRows) string {
	t.Helper()
	data, err := engram.EncodeChunk(rows)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

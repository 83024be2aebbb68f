package engram_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// Real chunks of both releases, read and written again, must be the same bytes:
// otherwise what we export would not be what engram exports.
func TestEncodeChunkGivesEngramsOwnBytes(t *testing.T) {
	var files []string
	for _, release := range fixtures.Releases {
		of, err := fixtures.ChunkFiles(release)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, of...)
	}
	if len(files) != 6 {
		t.Fatalf("%d fixtures", len(files))
	}
	for _, file := range files {
		want := gunzip(t, file)
		var rows engram.ChunkRows
		if err := json.Unmarshal(want, &rows); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		got, err := engram.EncodeChunk(rows)
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: %v\n got %s\nwant %s", file, err, got, want)
		}
	}
}

func TestEncodeChunkOfNothing(t *testing.T) {
	got, err := engram.EncodeChunk(engram.ChunkRows{Sessions: []engram.Session{}})
	if want := `{"sessions":null,"observations":null,"prompts":null}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func gunzip(t *testing.T, file string) []byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

package chunkdir_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// bigText is a chunk of about size bytes that compresses as memories do.
func bigText(size int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var text bytes.Buffer
	text.WriteString(`{"sessions":null,"observations":[`)
	for n := 0; text.Len() < size; n++ {
		if n > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `{"id":%d,"sync_id":"obs-%016x","session_id":"s","title":"t","content":"`, n, random.Uint64())
		for range 200 {
			fmt.Fprintf(&text, "word%d ", random.IntN(5000))
		}
		text.WriteString(`","scope":"project"}`)
	}
	text.WriteString(`],"prompts":null}`)
	return text.Bytes()
}

// Reading a chunk with all its checks, against gunzip and SHA-256 alone.
func BenchmarkRead(b *testing.B) {
	benchChunk(b, 40<<20, benchRead, func(b *testing.B, d *chunkdir.Dir, id engram.ChunkID) {
		benchGunzip(b, d, id, io.Discard)
	})
}

// Reading and writing a chunk, against gunzip, SHA-256 and gzip alone, which is
// slow enough for a smaller one.
func BenchmarkWrite(b *testing.B) {
	benchChunk(b, 4<<20, benchWrite, func(b *testing.B, d *chunkdir.Dir, id engram.ChunkID) {
		zip := gzip.NewWriter(io.Discard)
		benchGunzip(b, d, id, zip)
		if err := zip.Close(); err != nil {
			b.Fatal(err)
		}
	})
}

// benchChunk compares two ways to work on the same chunk.
func benchChunk(b *testing.B, size int, ours, baseline func(*testing.B, *chunkdir.Dir, engram.ChunkID)) {
	d := emptyDir(b)
	text := bigText(size)
	id := writeText(b, d, text)
	for name, work := range map[string]func(*testing.B, *chunkdir.Dir, engram.ChunkID){"ours": ours, "baseline": baseline} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				work(b, d, id)
			}
		})
	}
}

func benchRead(b *testing.B, d *chunkdir.Dir, id engram.ChunkID) {
	c, err := d.OpenChunk(id)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c); err != nil {
		b.Fatal(err)
	}
	if err := c.Close(); err != nil {
		b.Fatal(err)
	}
}

// benchWrite writes the chunk into a directory that lacks it.
func benchWrite(b *testing.B, from *chunkdir.Dir, id engram.ChunkID) {
	path := filepath.Join(b.TempDir(), ".engram")
	to, err := chunkdir.Create(path, chunkdir.Options{})
	if err != nil {
		b.Fatal(err)
	}
	c, err := from.OpenChunk(id)
	if err != nil {
		b.Fatal(err)
	}
	if err := to.WriteChunk(b.Context(), c); err != nil {
		b.Fatal(err)
	}
	if err := c.Close(); err != nil {
		b.Fatal(err)
	}
	if err := os.RemoveAll(path); err != nil {
		b.Fatal(err)
	}
}

func benchGunzip(b *testing.B, d *chunkdir.Dir, id engram.ChunkID, w io.Writer) {
	f, err := os.Open(chunkFile(d, id))
	if err != nil {
		b.Fatal(err)
	}
	zip, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(w, io.TeeReader(zip, sha256.New())); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// What status needs of a directory with 10,000 chunks.
func BenchmarkFiles(b *testing.B) {
	const count = 10_000
	d := emptyDir(b)
	for n := range count {
		text := fmt.Appendf(nil, `{"n":%d}`, n)
		plant(b, d, idOf(text), nil)
	}
	for b.Loop() {
		if _, err := d.Files(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

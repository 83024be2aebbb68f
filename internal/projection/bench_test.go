package projection_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/projection"
	"github.com/engram-sync/engram-sync/internal/recognition"
)

// large is a directory of one chunk of about so many bytes, whose rows have 2 KB.
func large(size int) *directory {
	content := `"` + strings.Repeat(`some \"words\" of \u003ccontent\u003e, caf\u00e9\n`, 40) + `"`
	var sessions, rows []string
	for n := 0; n*len(content) < size; n++ {
		if n%100 == 0 {
			sessions = append(sessions, session(fmt.Sprint("s", n/100), "alpha"))
		}
		rows = append(rows, strings.Replace(observation(fmt.Sprint("o", n), fmt.Sprint("s", n/100), ofAlpha), `"C"`, content, 1))
	}
	return newDirectory(chunk(sessions, rows))
}

// pushed reads all that a directory becomes, as a push to a server that has nothing does.
func (d *directory) pushed(tb testing.TB) (bytes int64) {
	tb.Helper()
	p := projection.NewDirectory(alpha, func(id engram.ChunkID) (*engram.Chunk, error) {
		c, err := d.open(id)
		c.SizeHint = int64(len(d.content[id]))
		return c, err
	}, tb.TempDir(), 1)
	p.Early(tb.Context(), d.ids, func(id engram.ChunkID, c recognition.Projection) bool {
		for _, part := range c.Parts {
			chunk, err := p.OpenPart(tb.Context(), id, part.ID)
			if err == nil {
				_, err = io.Copy(io.Discard, chunk)
			}
			if err != nil {
				tb.Fatal(err)
			}
			bytes += chunk.Size()
		}
		p.Forget(id)
		return true
	})
	return bytes
}

// A chunk is in memory once, with a little of each row: nothing else of it is made on the way.
func TestAChunkIsInMemoryOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("it moves much data, in one goroutine")
	}
	d := large(16 << 20)
	d.pushed(t) // whatever is made once
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	bytes := d.pushed(t)
	runtime.ReadMemStats(&after)
	if size := int64(len(d.content[d.ids[0]])); bytes < size/2 || int64(after.TotalAlloc-before.TotalAlloc) > 2*size {
		t.Errorf("for %d bytes of chunks, which became %d, %d were allocated", size, bytes, after.TotalAlloc-before.TotalAlloc)
	}
}

func BenchmarkPush(b *testing.B) {
	d := large(16 << 20)
	b.SetBytes(int64(len(d.content[d.ids[0]])))
	b.ReportAllocs()
	for b.Loop() {
		d.pushed(b)
	}
}

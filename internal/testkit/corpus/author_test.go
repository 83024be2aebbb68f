package corpus_test

import (
	"bytes"
	"compress/gzip"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/corpus"
)

// What is measured with chunks of an Author says something of real ones: they have the size that was
// asked for, and compress to about a third.
func TestAnAuthorsChunksAreLikeRealOnes(t *testing.T) {
	for _, size := range []int{1_000, 32_000, 1_000_000} {
		text, err := engram.EncodeChunk(corpus.NewAuthor(1).Chunk("s-1", size))
		if err != nil {
			t.Fatal(err)
		}
		if len(text) < size*9/10 || len(text) > size*11/10 {
			t.Errorf("a chunk of %d bytes has %d", size, len(text))
		}
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if ratio := float64(len(text)) / float64(packed.Len()); size >= 32_000 && (ratio < 2.5 || ratio > 4) {
			t.Errorf("a chunk of %d bytes becomes %.1f times as small", size, ratio)
		}
		again, err := engram.EncodeChunk(corpus.NewAuthor(1).Chunk("s-1", size))
		if err != nil || !bytes.Equal(text, again) {
			t.Errorf("the same seed gives another chunk (%v)", err)
		}
		if other, err := engram.EncodeChunk(corpus.NewAuthor(2).Chunk("s-1", size)); err != nil || bytes.Equal(text, other) {
			t.Errorf("another seed gives the same chunk (%v)", err)
		}
	}
}

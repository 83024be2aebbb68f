package readers_test

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/engram-sync/engram-sync/internal/readers"
)

// What was kept of a chunk is all that there is to know of it, before and after it was
// judged; of a chunk with anything odd nothing is kept.
func TestFactsAreTheChunk(t *testing.T) {
	kept, odd := 0, 0
	for seed := range uint64(120) {
		w := world{dice: rand.New(rand.NewPCG(seed, 9)), odd: int(seed % 3)}
		d := read(t, w.directory())
		for judged := range 2 {
			for _, l := range d.Chunks {
				if l.Chunk == nil {
					continue
				}
				facts, ok := l.Chunk.AppendFacts(nil)
				if !ok {
					odd++
					continue
				}
				again, err := readers.ParseFacts(l.Chunk.Key, facts)
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(readers.Bare(l.Chunk), readers.Bare(again)) {
					t.Fatalf("seed %d: %+v, and kept %+v", seed, l.Chunk, again)
				}
				kept++
				if short, err := readers.ParseFacts(l.Chunk.Key, facts[:len(facts)-1]); err == nil && reflect.DeepEqual(short, again) {
					t.Fatalf("seed %d: all but the last of %d bytes are as good as all", seed, len(facts))
				}
			}
			if judged == 0 {
				readers.Judge(d, readers.Generations...)
			}
		}
	}
	if kept < 50 || odd < 50 {
		t.Errorf("%d chunks were kept, %d were not", kept, odd)
	}
}

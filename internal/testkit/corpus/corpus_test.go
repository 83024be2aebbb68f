package corpus_test

import (
	"reflect"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/corpus"
)

func TestTheFieldIsTheSameEveryTimeAndHasEveryFate(t *testing.T) {
	for _, some := range [][]corpus.Directory{corpus.Directories(), corpus.Sample()} {
		for _, fate := range []corpus.Fate{corpus.Arrives, corpus.Mended, corpus.LeftOut, corpus.Personal, corpus.Foreign} {
			n := 0
			for _, d := range some {
				n += d.Count(fate)
			}
			if n == 0 {
				t.Errorf("of %d directories, no row %s", len(some), fate)
			}
		}
	}
	if !reflect.DeepEqual(corpus.Directories(), corpus.Directories()) {
		t.Error("two fields differ")
	}
}

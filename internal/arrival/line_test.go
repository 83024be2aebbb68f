package arrival_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/engram-sync/engram-sync/internal/arrival"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/words"
)

// Whoever stands in a line has the stage that he gets together with all others, whatever
// comes behind him.
func TestALineKnowsTheStagesOfItsBeginning(t *testing.T) {
	stood, ended := 0, 0
	for seed := range uint64(500) {
		dice := rand.New(rand.NewPCG(seed, 5)) //nolint:gosec // the same every time
		some := func() (sessions []string) {
			for range max(0, dice.IntN(5)-3) {
				sessions = append(sessions, fmt.Sprint("s", dice.IntN(4)))
			}
			return sessions
		}
		var made []toPush
		for n := range 2 + dice.IntN(9) {
			made = append(made, toPush{
				at: fmt.Sprintf("%02d:00", n), text: observed(fmt.Sprint("o", dice.IntN(4)), fmt.Sprint(dice.IntN(2))) + fmt.Sprintf("%*s", n, ""), provides: some(), needs: some(),
			})
		}
		dir, chunks := pushing(t, made...)
		_, want := arrival.Arrange(t.Context(), dir, chunks, 1<<20, 1)
		line := arrival.NewLine()
		for i, c := range chunks {
			stages, ok := line.Next(c.ID, mentionsOf(t, dir, c.ID), []arrival.Chunk{c})
			if !ok {
				ended++
				break
			}
			if stood++; !slices.Equal(stages, want[i:i+1]) {
				t.Fatalf("seed %d: number %d of %+v has stage %v, and %v with all others", seed, i, made, stages, want[i])
			}
		}
	}
	if stood < 500 || ended < 100 {
		t.Errorf("%d stood in lines, of which %d ended: that says little", stood, ended)
	}
}

func mentionsOf(t *testing.T, dir texts, id engram.ChunkID) []words.Mention {
	t.Helper()
	c, err := dir.OpenChunk(id)
	if err != nil {
		t.Fatal(err)
	}
	mentions, err := words.Mentions(c)
	if err != nil {
		t.Fatal(err)
	}
	return mentions
}

// What was read before is not read again for its order.
func TestWhatWasReadGivesTheOrder(t *testing.T) {
	dir, chunks := pushing(t, toPush{at: "00:00", text: observed("o", "1")}, toPush{at: "00:01", text: observed("o", "2")})
	known := readBefore{t, map[engram.ChunkID][]words.Mention{}}
	for _, c := range chunks {
		known.mentions[c.ID] = mentionsOf(t, dir, c.ID)
	}
	if _, stages := arrival.Arrange(t.Context(), known, chunks, 1<<20, 2); !slices.Equal(stages, []int{0, 1}) {
		t.Errorf("the stages are %v", stages)
	}
}

// readBefore is a directory of which all was read.
type readBefore struct {
	t        *testing.T
	mentions map[engram.ChunkID][]words.Mention
}

func (r readBefore) Mentions(id engram.ChunkID) ([]words.Mention, bool) {
	m, ok := r.mentions[id]
	return m, ok
}

func (r readBefore) OpenChunk(id engram.ChunkID) (*engram.Chunk, error) {
	r.t.Errorf("chunk %s was opened", id)
	return nil, nil
}

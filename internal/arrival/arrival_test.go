package arrival_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/arrival"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// texts are chunks by their ids.
type texts map[engram.ChunkID]string

func (t texts) OpenChunk(id engram.ChunkID) (*engram.Chunk, error) {
	return engram.NewChunk(id, io.NopCloser(strings.NewReader(t[id])), 1<<20), nil
}

// pushing makes chunks, each a part of its own, one after the other, and a directory of them.
func pushing(tb testing.TB, toPush ...toPush) (texts, []arrival.Chunk) {
	tb.Helper()
	dir := texts{}
	var chunks []arrival.Chunk
	for _, c := range toPush {
		id := engram.IDOf(sha256.Sum256([]byte(c.text)))
		dir[id] = c.text
		at, err := time.Parse(time.RFC3339, "2026-11-01T10:"+c.at+"Z")
		if err != nil {
			tb.Fatal(err)
		}
		chunks = append(chunks, arrival.Chunk{ID: id, At: at, Provides: c.provides, Needs: c.needs})
	}
	return dir, chunks
}

type toPush struct {
	at, text        string
	provides, needs []string
}

func observed(name, title string) string {
	return fmt.Sprintf(`{"observations":[{"sync_id":%q,"session_id":"s","title":%q,"content":"c"}]}`, name, title)
}

func mutated(entity, key, op, payload string) string {
	return fmt.Sprintf(`{"mutations":[{"entity":%q,"entity_key":%q,"op":%q,"payload":%q}]}`, entity, key, op, payload)
}

// Of chunks that say different things of one row the older one goes first; what brings a
// session goes ahead of what needs it, whatever the times say; and the rest goes at once.
func TestStages(t *testing.T) {
	gone := mutated("observation", "o", "delete", `{"sync_id":"o","hard_delete":true}`)
	related := mutated("relation", "r", "upsert", `{"sync_id":"r","source_id":"o","target_id":"p"}`)
	ended := `{"sessions":[{"id":"s","ended_at":"2026-11-01 10:00:00"}]}`
	begun := func(at string) string { return fmt.Sprintf(`{"sessions":[{"id":"s","started_at":%q}]}`, at) }
	for name, test := range map[string]struct {
		chunks []toPush
		want   []int
	}{
		"different rows":        {[]toPush{{at: "00:00", text: observed("o", "1")}, {at: "00:00.000001", text: observed("p", "1")}}, []int{0, 0}},
		"an edit":               {[]toPush{{at: "00:00", text: observed("o", "1")}, {at: "00:01", text: observed("o", "2")}}, []int{0, 1}},
		"a deletion":            {[]toPush{{at: "00:00.000001", text: gone}, {at: "00:00", text: observed("o", "1")}}, []int{1, 0}},
		"one of many days":      {[]toPush{{at: "00:00", text: observed("o", "1")}, {at: "00:00.1", text: observed("q", "1")}, {at: "09:00", text: gone}}, []int{0, 0, 1}},
		"a relation":            {[]toPush{{at: "00:00", text: observed("o", "1")}, {at: "00:01", text: observed("p", "1")}, {at: "00:02", text: related}, {at: "00:03", text: gone}}, []int{0, 0, 1, 2}},
		"equal rows":            {[]toPush{{at: "00:00", text: observed("o", "1")}, {at: "00:01", text: observed("o", "1") + " "}, {at: "00:02", text: gone}}, []int{0, 0, 1}},
		"equal ones behind":     {[]toPush{{at: "00:00", text: observed("o", "1")}, {at: "00:01", text: gone}, {at: "00:02", text: gone + " "}}, []int{0, 1, 1}},
		"sessions of machines":  {[]toPush{{at: "00:00", text: begun("8")}, {at: "00:01", text: begun("9")}, {at: "00:02", text: ended}}, []int{0, 0, 1}},
		"a session with rows":   {[]toPush{{at: "00:00", text: observed("o", "1")}, {at: "00:01", text: mutated("session", "s", "delete", `{"id":"s"}`)}}, []int{0, 1}},
		"a later one is needed": {[]toPush{{at: "00:00", text: "{}", needs: []string{"s"}}, {at: "00:01", text: "{} ", provides: []string{"s"}}}, []int{1, 0}},
		"the first that brings it": {[]toPush{
			{at: "00:00", text: "{}", needs: []string{"s"}}, {at: "00:01", text: observed("o", "1"), provides: []string{"s"}},
			{at: "00:02", text: observed("o", "2"), provides: []string{"s"}},
		}, []int{1, 0, 1}},
		"needed by one that is needed": {[]toPush{
			{at: "00:00", text: "{}", needs: []string{"t"}}, {at: "05:00", text: "{} ", needs: []string{"s"}, provides: []string{"t"}},
			{at: "09:00", text: "{}  ", provides: []string{"s"}},
		}, []int{2, 1, 0}},
		"a row that waits": {[]toPush{
			{at: "00:00", text: observed("o", "1"), needs: []string{"s"}}, {at: "00:01", text: gone}, {at: "00:02", text: "{}", provides: []string{"s"}},
		}, []int{1, 2, 0}},
		"each needs the other": {[]toPush{
			{at: "00:00", text: "{}", needs: []string{"s"}, provides: []string{"t"}}, {at: "00:01", text: "{} ", needs: []string{"t"}, provides: []string{"s"}},
		}, []int{1, 0}},
		"what nobody can read": {[]toPush{{at: "00:00", text: "["}, {at: "00:01", text: observed("o", "1")}}, []int{0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, chunks := pushing(t, test.chunks...)
			if _, got := arrival.Arrange(t.Context(), dir, chunks, 1<<20, 2); !slices.Equal(got, test.want) {
				t.Errorf("the stages are %v, not %v", got, test.want)
			}
		})
	}
}

// The parts of one chunk go at once, unless one deletes what another brings.
func TestStagesOfParts(t *testing.T) {
	for text, want := range map[string][]int{
		observed("o", "1"): {0, 0, 0},
		strings.TrimSuffix(observed("o", "1"), "}") + "," + strings.TrimPrefix(mutated("observation", "o", "delete", `{"sync_id":"o"}`), "{"): {0, 1, 2},
	} {
		dir, chunks := pushing(t, toPush{at: "00:00", text: text})
		chunks = []arrival.Chunk{chunks[0], chunks[0], chunks[0]}
		if _, got := arrival.Arrange(t.Context(), dir, chunks, 1<<20, 2); !slices.Equal(got, want) {
			t.Errorf("%s: the stages are %v, not %v", text, got, want)
		}
	}
}

// BenchmarkStages is what the order costs, but for the reading: it grows with the rows.
func BenchmarkStages(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		var sent []toPush
		start := time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)
		for i := range n {
			sent = append(sent, toPush{
				at: start.Add(time.Duration(i%50) * time.Minute).Format("04:05"), text: observed(fmt.Sprint("o", i), "1"),
				provides: []string{fmt.Sprint("s", i/10)}, needs: []string{fmt.Sprint("s", i/10+1)},
			})
		}
		dir, chunks := pushing(b, sent...)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				arrival.Arrange(b.Context(), dir, chunks, math.MaxInt64, 1)
			}
		})
	}
}

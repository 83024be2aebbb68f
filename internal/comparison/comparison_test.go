package comparison_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/engram-sync/engram-sync/internal/comparison"
	"github.com/engram-sync/engram-sync/internal/difference"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
)

// place is chunks in memory, in an order of its own.
type place struct {
	chunks  []memoryindex.Chunk
	content map[engram.ChunkID][]byte

	mu   sync.Mutex
	read int
}

func (p *place) State(context.Context) (string, error)               { return memoryindex.StateOf(p.chunks), nil }
func (p *place) Chunks(context.Context) ([]memoryindex.Chunk, error) { return p.chunks, nil }

func (p *place) Read(_ context.Context, id engram.ChunkID, read func(*engram.Chunk) error) error {
	return read(engram.NewChunk(id, io.NopCloser(bytes.NewReader(p.content[id])), 1<<20))
}

func (p *place) Rows(_ context.Context, id engram.ChunkID) (rows []history.Row, err error) {
	p.mu.Lock()
	p.read++
	p.mu.Unlock()
	return history.ReadChunk(engram.NewChunk(id, io.NopCloser(bytes.NewReader(p.content[id])), 1<<20))
}

func (p *place) has(id engram.ChunkID) bool {
	return slices.ContainsFunc(p.chunks, func(c memoryindex.Chunk) bool { return c.ID == id })
}

// chunk is one with a few rows of few identities, so that they meet, at few times, so that these tie; some say no time.
func chunk(dice *rand.Rand) []byte {
	at := func() string {
		return []string{"", "2026-11-01 10:00:00", "2026-11-01T10:00:00.5Z", "2026-11-02 10:00:00", "2026-11-03 10:00:00"}[dice.IntN(5)]
	}
	type object map[string]any
	doc := object{"sessions": []object{}, "prompts": nil}
	var rows, mutations []object
	for range 1 + dice.IntN(3) {
		row := object{"sync_id": fmt.Sprint("o", dice.IntN(12)), "session_id": "s", "type": "note", "title": fmt.Sprint(dice.IntN(3)), "content": "c", "updated_at": at()}
		switch dice.IntN(6) {
		case 0:
			row["deleted_at"] = at()
		case 1:
			row["project"] = string("ab"[dice.IntN(2)])
		}
		rows = append(rows, row)
	}
	if dice.IntN(3) == 0 {
		id := fmt.Sprint("o", dice.IntN(12))
		mutations = append(mutations, object{"entity": "observation", "entity_key": id, "op": "delete", "payload": object{"sync_id": id, "deleted": true, "hard_delete": true, "deleted_at": at()}})
	}
	doc["observations"], doc["mutations"] = rows, mutations
	text, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return text
}

// With an index of the one side the same differences are found as without, and fewer chunks are read.
func TestIndexChangesNothing(t *testing.T) {
	dice := rand.New(rand.NewPCG(3, 9))
	var with, without, changes int
	for round := range 100 {
		content := map[engram.ChunkID][]byte{}
		a, b := &place{content: content}, &place{content: content}
		for n := range 3 + dice.IntN(12) {
			text := chunk(dice)
			c := memoryindex.Chunk{Listed: true, Stamp: "s"}
			c.ID, c.CreatedAt = engram.IDOf(sha256.Sum256(text)), fmt.Sprintf("2026-11-01T10:00:%02dZ", n)
			if content[c.ID] != nil {
				continue
			}
			content[c.ID] = text
			in := dice.IntN(8)
			if in != 0 {
				a.chunks = append(a.chunks, c)
			}
			if in != 1 {
				if round%3 == 0 { // the other side has seen it at another time
					c.CreatedAt = fmt.Sprintf("2026-11-0%dT10:00:00Z", 1+dice.IntN(4))
				}
				b.chunks = append(b.chunks, c)
			}
		}
		if round%2 == 0 {
			dice.Shuffle(len(b.chunks), func(i, j int) { b.chunks[i], b.chunks[j] = b.chunks[j], b.chunks[i] })
		}
		sides := []comparison.Side{{Name: "a", Place: a}, {Name: "b", Place: b}}
		indexed := dice.IntN(2)
		x, _, err := memoryindex.Open(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		base := []*place{a, b}[indexed]
		if _, err := x.Update(t.Context(), base, memoryindex.Options{AtOnce: 2}); err != nil {
			t.Fatal(err)
		}
		found := func(opts comparison.Options) (string, int) {
			s, err := comparison.List(t.Context(), sides[0], sides[1])
			if err != nil {
				t.Fatal(err)
			}
			a.read, b.read, opts.AtOnce = 0, 0, 3
			if err := s.Read(t.Context(), opts); err != nil || len(s.Failed) > 0 {
				t.Fatal(err, s.Failed)
			}
			var lines []string
			for _, c := range difference.Between(&s.Said[0], &s.Said[1]) {
				line := fmt.Sprint(c.Kind, " ", c.Of().Identity, " ", c.Absent)
				for _, m := range []*difference.Memory{c.Before, c.After} {
					if m != nil {
						line += fmt.Sprintf(" %d.%d %s", m.Chunk, m.Order, m.Title)
					}
				}
				lines = append(lines, line)
			}
			changes += len(lines)
			return strings.Join(lines, "\n"), a.read + b.read
		}
		slow, all := found(comparison.Options{})
		fast, some := found(comparison.Options{Index: x, Indexed: base.has})
		with, without = with+some, without+all
		if slow != fast {
			t.Fatalf("round %d:\n%s\nwith an index:\n%s", round, slow, fast)
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if changes < 120 || with*3 > without*2 {
		t.Errorf("%d changes found; %d chunks read in place of %d", changes, with, without)
	}
}

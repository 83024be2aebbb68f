package memoryindex_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
)

const benchChunks = 10_000

// benchPlace has 10,000 chunks of eight memories with some 600 letters each, all of a hundred sessions: 70 MB.
func benchPlace(b *testing.B) *place {
	b.Helper()
	dice := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same every time
	vocabulary := make([]string, 20_000)
	for i := range vocabulary {
		vocabulary[i] = fmt.Sprintf("w%x", dice.Uint32())
	}
	words := func(n int) string {
		var text strings.Builder
		for range n {
			text.WriteString(vocabulary[int(dice.ExpFloat64()*1000)%len(vocabulary)] + " ")
		}
		return text.String()
	}
	p := &place{}
	for c := range benchChunks {
		session := fmt.Sprintf("s%d", c%100)
		rows := engram.ChunkRows{Sessions: []engram.Session{{ID: session, Project: "shop", Directory: "/w", StartedAt: "2026-10-01 10:00:00"}}}
		for o := range 8 {
			rows.Observations = append(rows.Observations, engram.Observation{
				SyncID: fmt.Sprintf("obs-%d-%d", c, o), SessionID: session, Type: "decision", Title: words(6), Content: words(70), Scope: "project",
				CreatedAt: "2026-10-01 10:00:00", UpdatedAt: "2026-10-01 10:00:00",
			})
		}
		p.add(b, fmt.Sprintf("2026-10-01T%02d:%02d:%02dZ", c/3600, c/60%60, c%60), rows)
	}
	return p
}

// BenchmarkBuild reads all chunks into a new index.
func BenchmarkBuild(b *testing.B) {
	p := benchPlace(b)
	for b.Loop() {
		x := open(b, b.TempDir())
		update(b, x, p)
		_ = x.Close()
	}
}

// BenchmarkUsed opens an index that is up to date with 10,000 chunks, and asks it.
func BenchmarkUsed(b *testing.B) {
	p, dir := benchPlace(b), b.TempDir()
	x := open(b, dir)
	update(b, x, p)
	_ = x.Close()
	fresh := func(b *testing.B, do func(x *memoryindex.Index) error) {
		for b.Loop() {
			x := open(b, dir)
			update(b, x, p)
			if err := do(x); err != nil {
				b.Fatal(err)
			}
			_ = x.Close()
		}
	}
	b.Run("log", func(b *testing.B) {
		fresh(b, func(x *memoryindex.Index) error {
			_, _, err := x.Chunks(b.Context(), memoryindex.Filter{Limit: 50})
			return err
		})
	})
	b.Run("versions", func(b *testing.B) {
		fresh(b, func(x *memoryindex.Index) error {
			_, err := x.Versions(b.Context(), "obs-77-3")
			return err
		})
	})
	b.Run("first-page", func(b *testing.B) { // of browse
		fresh(b, func(x *memoryindex.Index) error {
			_, daysErr := x.Days(b.Context(), memoryindex.Filter{})
			_, choicesErr := x.Choices(b.Context())
			_, _, err := x.Chunks(b.Context(), memoryindex.Filter{Limit: 20})
			return errors.Join(daysErr, choicesErr, err)
		})
	})
	b.Run("latest", func(b *testing.B) {
		fresh(b, func(x *memoryindex.Index) error {
			_, _, err := x.Search(b.Context(), memoryindex.Query{Filter: memoryindex.Filter{Limit: 20}})
			return err
		})
	})
	for _, n := range []int{0, 500, 5000} {
		words := memoryindex.Words(`"` + strings.Fields(p.text(n))[0] + `"`)
		b.Run(fmt.Sprintf("search/%d", n), func(b *testing.B) {
			fresh(b, func(x *memoryindex.Index) error {
				hits, more, err := x.Search(b.Context(), memoryindex.Query{Words: words, Filter: memoryindex.Filter{Limit: 20}})
				b.ReportMetric(float64(len(hits)+more), "hits")
				return err
			})
		})
	}
	b.Run("one-more", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n++
			p.add(b, "2026-10-02T00:00:00Z", engram.ChunkRows{Sessions: []engram.Session{{ID: "s1", Project: fmt.Sprint(n)}}})
			x := open(b, dir)
			update(b, x, p)
			_ = x.Close()
		}
	})
}

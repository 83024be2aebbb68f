package memories_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memories"
)

// large is a database with so many observations, which it makes while it is read.
type large struct {
	database
	n int
}

func (l large) Observations(_ context.Context, yield func(engram.Observation) error) error {
	text := strings.Repeat("memory ", 30)
	for i := range l.n {
		o := note(fmt.Sprintf("obs-%d", i), "08:00", text, 1)
		o.ID = int64(i)
		if err := yield(o); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkExport writes 200,000 observations. What it took of memory is that of the
// whole process, at its most.
func BenchmarkExport(b *testing.B) {
	for b.Loop() {
		found, err := memories.FindUnexported(b.Context(), large{database{sessions: []engram.Session{session}}, 200_000}, memories.NewWords(), nil, memories.Scope{}, now)
		if err != nil {
			b.Fatal(err)
		}
		written, failed, err := memories.Export(b.Context(), &shelf{}, 1, found.Drafts(4<<20, "me", nil, now))
		if err != nil || len(failed) > 0 || len(written) == 0 {
			b.Fatal(len(written), failed, err)
		}
		if err := found.Close(); err != nil {
			b.Fatal(err)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.Sys)/1e6, "MB")
}

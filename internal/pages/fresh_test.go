package pages_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/pages"
)

// slow is a shelf each of whose chunks takes long to read.
type slow struct {
	*shelf
	takes time.Duration
}

func (s slow) Read(ctx context.Context, id engram.ChunkID, read func(*engram.Chunk) error) error {
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.shelf.Read(ctx, id, read)
}

// A page does not wait for ever for chunks to be read, which goes on; one that is stopped ends it.
func TestFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, _, err := memoryindex.Open(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = x.Close() }()
		src := slow{&shelf{}, 4 * time.Second}
		for i := range 3 {
			src.add(t, "2026-10-02T00:00:00Z", memory(fmt.Sprintf("o%d", i), "A title", "word", "2026-10-02 10:00:00"))
		}
		fresh := pages.NewFresh(t.Context(), x, src, time.Second, memoryindex.Options{AtOnce: 1})
		defer fresh.Stop()
		began := time.Now()
		for _, read := range []int64{1, 2} {
			_, err = fresh.Refresh(t.Context())
			if took := time.Since(began); took != 5*time.Second {
				t.Errorf("a page waited for %v", took)
			}
			if still, ok := errors.AsType[*pages.StillReading](err); !ok || *still != (pages.StillReading{Read: read, Of: 3}) {
				t.Errorf("%v, want %d of 3", err, read)
			}
			<-time.After(4 * time.Second)
			began = began.Add(4 * time.Second) // the next one does not wait
		}
		if failed, err := fresh.Refresh(t.Context()); err != nil || len(failed) > 0 {
			t.Error(failed, err)
		}
		if _, more, err := x.Chunks(t.Context(), memoryindex.Filter{Limit: 1}); more != 2 || err != nil {
			t.Error(more, err)
		}

		src.add(t, "2026-10-03T00:00:00Z", memory("late", "A title", "word", "2026-10-03 10:00:00"))
		if _, err := fresh.Refresh(t.Context()); err != nil { // a look that took 12 s is not followed at once
			t.Error(err)
		}
		<-time.After(2 * time.Minute)
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, err := fresh.Refresh(gone); err == nil {
			t.Error("it waited for who is gone")
		}
		began = time.Now()
		fresh.Stop()
		if took := time.Since(began); took > 0 {
			t.Errorf("it took %v to stop", took)
		}
		if _, err := fresh.Refresh(t.Context()); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

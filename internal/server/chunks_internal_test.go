package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/engram-sync/engram-sync/internal/server/limits"
	"github.com/engram-sync/engram-sync/internal/server/spool"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

// shelves are chunks of which an account has so many, and those behind the first shortList come when they may.
type shelves struct {
	store.Chunks
	chunks map[string]int
	more   chan struct{}
}

func (s shelves) Manifest(ctx context.Context, userID string, take func(store.ChunkEntry) error) (string, error) {
	for n := range s.chunks[userID] {
		if n > shortList {
			select {
			case <-s.more:
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
		if err := take(store.ChunkEntry{ID: fmt.Sprintf("%08x", n)}); err != nil {
			return "", err
		}
	}
	return "tag", nil
}

func (s shelves) ManifestTag(context.Context, string) (string, error) { return "tag", nil }

// Whoever has a short list waits for no long one, however many accounts ask for theirs; the long ones come in the end.
func TestLongListsAreInNoOnesWay(t *testing.T) {
	place := spool.Place{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Bytes: limits.NewBytes(bodies, bodiesEach)}
	synctest.Test(t, func(t *testing.T) {
		st := shelves{chunks: map[string]int{"calm": shortList}, more: make(chan struct{})}
		h := &chunkHandlers{store: st, spools: place, lists: spool.NewShared[string](place), fair: newFairness(nil, Options{})}
		list := func(userID string) {
			t.Helper()
			a, err := h.list(t.Context(), userID)
			if err != nil {
				t.Error(err)
				return
			}
			defer h.lists.Release(t.Context(), a)
			text, err := io.ReadAll(a.Reader())
			if n := strings.Count(string(text), `"id"`); err != nil || n != st.chunks[userID] {
				t.Errorf("%s has %d chunks listed: %v", userID, n, err)
			}
		}
		ended := make(chan struct{})
		const many = 2 * databaseWork
		name := func(n int) string { return fmt.Sprint("hostile ", n) }
		for n := range many {
			st.chunks[name(n)] = shortList + 2
		}
		for n := range many {
			go func() {
				list(name(n))
				ended <- struct{}{}
			}()
		}
		synctest.Wait()
		list("calm")
		close(st.more)
		for range many {
			<-ended
		}
	})
}

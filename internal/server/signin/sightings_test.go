package signin

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// register counts how often somebody was noted.
type register struct {
	store.Users
	notes int
}

func (r *register) Seen(context.Context, store.User, string, store.Session) error {
	r.notes++
	return nil
}

// Who signs in again and again, as a script does, fills no memory, and is noted each time; who stays is noted once.
func TestSightingsAreBounded(t *testing.T) {
	r := &register{}
	s := NewSightings(r, func() time.Time { return time.Unix(1_800_000_000, 0) }, slog.New(slog.DiscardHandler))
	note := func(session string) {
		s.Note(t.Context(), store.User{ID: "u"}, "127.0.0.1", store.Session{ID: session})
	}
	note("stays")
	note("stays")
	if r.notes != 1 {
		t.Errorf("noted %d times", r.notes)
	}
	for n := range 2 * maxRecent {
		note(fmt.Sprint(n))
		if len(s.noted) > maxRecent {
			t.Fatalf("%d are remembered", len(s.noted))
		}
	}
	if r.notes != 1+2*maxRecent {
		t.Errorf("noted %d times", r.notes)
	}
}

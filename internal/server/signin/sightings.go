package signin

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// sightingAge is how long an account that was seen is not noted again, unless it signs in.
const sightingAge = time.Hour

// Sightings note when and from where each account came last: tokens are nowhere listed, so this is what an operator can
// know of who uses them. It is safe for concurrent use.
type Sightings struct {
	users store.Users
	now   func() time.Time
	log   *slog.Logger

	mu    sync.Mutex
	noted map[string]time.Time // by id
}

// NewSightings makes one. now is the clock for what is due; log hears of what could not be noted.
func NewSightings(users store.Users, now func() time.Time, log *slog.Logger) *Sightings {
	return &Sightings{users: users, now: now, log: log, noted: map[string]time.Time{}}
}

// Note notes an account, if it has signed in or was not seen for a while. That this fails keeps nobody out.
func (s *Sightings) Note(ctx context.Context, u store.User, from string, signedIn bool) {
	now := s.now()
	s.mu.Lock()
	age := now.Sub(s.noted[u.ID])
	due := !u.BuiltIn && (signedIn || age < 0 || age >= sightingAge)
	if due {
		s.noted[u.ID] = now
	}
	s.mu.Unlock()
	if !due {
		return
	}
	if err := s.users.Seen(ctx, u.ID, from); err != nil {
		s.log.DebugContext(ctx, "who came is not noted", "error", err.Error())
	}
}

package signin

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// sightingAge is how long what was seen is not noted again.
const sightingAge = time.Hour

// Sightings note when and from where each account, and each of its sessions, came last. That is how sessions come to be
// known: tokens are good by themselves. It is safe for concurrent use.
type Sightings struct {
	users store.Users
	now   func() time.Time
	log   *slog.Logger

	mu    sync.Mutex
	noted map[string]time.Time // sessions and accounts, by id
}

// NewSightings makes one. now is the clock for what is due; log hears of what could not be noted.
func NewSightings(users store.Users, now func() time.Time, log *slog.Logger) *Sightings {
	return &Sightings{users: users, now: now, log: log, noted: map[string]time.Time{}}
}

// Note notes an account and a session of it, if it has not been seen for a while. That this fails keeps nobody out.
func (s *Sightings) Note(ctx context.Context, u store.User, from string, in store.Session) {
	now, id := s.now(), cmp.Or(in.ID, u.ID)
	s.mu.Lock()
	age := now.Sub(s.noted[id])
	due := !u.BuiltIn && (age < 0 || age >= sightingAge)
	if due {
		s.makeRoom()
		s.noted[id], s.noted[u.ID] = now, now
	}
	s.mu.Unlock()
	if !due {
		return
	}
	if err := s.users.Seen(ctx, u, from, in); err != nil {
		s.mu.Lock()
		delete(s.noted, id) // the next time, then
		s.mu.Unlock()
		s.log.DebugContext(ctx, "who came is not noted", "error", err.Error())
	}
}

// makeRoom forgets some of what is noted where that is much: to note it again costs less than to remember every sign-in
// of an hour.
func (s *Sightings) makeRoom() {
	for id := range s.noted {
		if len(s.noted) <= maxRecent-2 { // an account and a session
			return
		}
		delete(s.noted, id)
	}
}

package postgres

import (
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/pgtest"
)

// Attempts count together, whichever process they come to, and refused ones prolong nothing.
func TestAttemptsAreShared(t *testing.T) {
	address := pgtest.Database(t)
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	var stores []*Store
	for range 2 {
		st, err := Open(t.Context(), address, func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		}()
		stores = append(stores, st)
	}
	at := 0
	tries := func(kind, client string, want time.Duration) {
		t.Helper()
		at++
		wait, err := stores[at%2].Attempt(t.Context(), kind, client, 3, time.Minute)
		if wait != want || err != nil {
			t.Errorf("%s of %s: wait %s, want %s (%v)", kind, client, wait, want, err)
		}
	}
	for range 3 {
		tries("login", "a", 0)
	}
	now = now.Add(10 * time.Second)
	for range 5 {
		tries("login", "a", 50*time.Second)
	}
	tries("login", "b", 0)
	tries("register", "a", 0)
	now = now.Add(50 * time.Second)
	for range 3 {
		tries("login", "a", 0)
	}
	tries("login", "a", time.Minute)
}

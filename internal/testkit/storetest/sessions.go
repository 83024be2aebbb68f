package storetest

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

var sessions = map[string]func(*testing.T, Database){
	"sessions are known by having been seen, until they end": func(t *testing.T, db Database) {
		now := newClock()
		st := db.Open(now.Now)
		u, other := user(t, st, "ana"), user(t, st, "bo")
		lists := func(st store.Store, want ...store.Session) {
			t.Helper()
			if diff := cmp.Diff(want, must(st.Sessions(t.Context(), "ana"))(t)); diff != "" {
				t.Error(diff)
			}
		}
		lists(st)
		begun := func(id string, lasts time.Duration) store.Session {
			t.Helper()
			s := store.Session{ID: id, Kind: "client", Client: "agent 1", Began: now.kept(), Until: now.kept().Add(lasts)}
			done(t, st.Seen(t.Context(), u, "192.0.2.1", s))
			s.LastSeen, s.LastSeenFrom = now.kept(), "192.0.2.1"
			return s
		}
		day, hour := begun("day", 24*time.Hour), begun("hour", time.Hour)
		done(t, st.Seen(t.Context(), other, "192.0.2.1", store.Session{ID: "bo's", Kind: "browser", Began: now.kept(), Until: now.kept().Add(time.Hour)}))
		now.advance(time.Minute)
		done(t, st.SetKey(t.Context(), u, "sum"))
		key := store.Session{Kind: store.KeyKind, Began: now.kept()}
		lists(st, key, day, hour)
		now.advance(time.Minute)
		day.Client, day.LastSeen, day.LastSeenFrom = "agent 2", now.kept(), "2001:db8::1"
		done(t, st.Seen(t.Context(), u, "2001:db8::1", store.Session{ID: "day", Kind: "client", Client: "agent 2", Began: day.Began, Until: day.Until}))
		lists(db.Open(now.Now), key, day, hour)
		now.advance(time.Hour)
		lists(st, key, day)
		done(t, st.SignOut(t.Context(), "ana"))
		lists(st)
		done(t, st.Seen(t.Context(), u, "192.0.2.1", store.Session{ID: "day", Kind: "client", Began: day.Began, Until: day.Until})) // which was under way
		lists(st)
		u = must(st.UserByID(t.Context(), u.ID))(t)
		again := begun("again", time.Hour)
		lists(st, again)
		done(t, st.SetPassword(t.Context(), "ana", "other"))
		lists(st)
		_, err := st.Sessions(t.Context(), "nobody")
		fails(t, "Sessions of nobody", err, store.ErrNoUser, store.ErrNotFound)
		done(t, st.DeleteUser(t.Context(), "bo"))
	},
	"of very many sessions those are kept that were seen last": func(t *testing.T, db Database) {
		now := newClock()
		st := db.Open(now.Now)
		u := user(t, st, "ana")
		seen := func(id int) {
			now.advance(time.Second)
			done(t, st.Seen(t.Context(), u, "192.0.2.1", store.Session{ID: strconv.Itoa(id), Kind: "client", Began: now.kept(), Until: now.kept().Add(time.Hour)}))
		}
		for id := range store.MaxSessions {
			seen(id)
		}
		seen(0)
		seen(store.MaxSessions)
		ids := map[string]bool{}
		for _, s := range must(st.Sessions(t.Context(), "ana"))(t) {
			ids[s.ID] = true
		}
		if len(ids) != store.MaxSessions || !ids["0"] || ids["1"] || !ids[strconv.Itoa(store.MaxSessions)] {
			t.Errorf("%d sessions: %v", len(ids), ids)
		}
	},
}

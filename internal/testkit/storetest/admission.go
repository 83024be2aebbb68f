package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// admission is who is let in, and with what.
var admission = map[string]func(*testing.T, Database){
	"a new password voids what was issued before": func(t *testing.T, db Database) {
		st := one(db)
		u, other := user(t, st, "alice"), user(t, st, "bob")
		done(t, errors.Join(st.SetKey(t.Context(), u, "sum"), st.SetKey(t.Context(), other, "other")))
		tags := map[string]bool{u.TokenTag: true}
		for _, hash := range []string{"new", "newer"} {
			done(t, st.SetPassword(t.Context(), "alice", hash))
			now := must(st.UserByID(t.Context(), u.ID))(t)
			if now.PasswordHash != hash || tags[now.TokenTag] {
				t.Errorf("hash %q, tag %q of %v", now.PasswordHash, now.TokenTag, tags)
			}
			tags[now.TokenTag] = true
		}
		_, err := st.UserByKey(t.Context(), "sum")
		fails(t, "the key", err, store.ErrNoUser)
		finds(t, other, "the other", must(st.UserByKey(t.Context(), "other"))(t))
		fails(t, "nobody", st.SetPassword(t.Context(), "Alice", "new"), store.ErrNoUser, store.ErrNotFound)

		// u was read before: a key that is asked for now was let in by an old token.
		fails(t, "SetKey", st.SetKey(t.Context(), u, "late"), store.ErrNoUser)
		_, err = st.UserByKey(t.Context(), "late")
		fails(t, "the late key", err, store.ErrNoUser)
	},

	"a user has one API key": func(t *testing.T, db Database) {
		st := one(db)
		u, other := user(t, st, "alice"), user(t, st, "bob")
		done(t, errors.Join(st.SetKey(t.Context(), u, "first"), st.SetKey(t.Context(), other, "other")))
		done(t, st.SetKey(t.Context(), u, "second"))
		_, err := st.UserByKey(t.Context(), "first")
		fails(t, "the key before", err, store.ErrNoUser)
		finds(t, u, "the new key", must(st.UserByKey(t.Context(), "second"))(t))
		for range 2 { // the second time there is none
			done(t, st.RemoveKey(t.Context(), u.ID))
		}
		_, err = st.UserByKey(t.Context(), "second")
		fails(t, "the removed key", err, store.ErrNoUser)
		finds(t, other, "the other", must(st.UserByKey(t.Context(), "other"))(t))
	},

	"an invitation lets in one user, once": func(t *testing.T, db Database) {
		now := newClock()
		stores := []store.Store{db.Open(now.Now), db.Open(now.Now)}
		st := stores[0]
		done(t, st.Invite(t.Context(), "sum of a code", now.kept().Add(time.Hour)))
		_, err := st.CreateInvited(t.Context(), "sum of another", "alice", "a@x", "hash")
		fails(t, "another code", err, store.ErrNoInvitation, store.ErrNotFound)
		must(st.CreateUser(t.Context(), "bob", "b@x", ""))(t)
		_, err = st.CreateInvited(t.Context(), "sum of a code", "bob", "a@x", "hash")
		fails(t, "a name that is taken", err, store.ErrUsernameTaken) // and the code is still good
		errs := make([]error, 8)
		together(len(errs), func(i int) {
			_, errs[i] = stores[i%2].CreateInvited(t.Context(), "sum of a code", fmt.Sprint("alice", i), fmt.Sprint(i, "@x"), "hash")
		})
		in := 0
		for _, err := range errs {
			if err == nil {
				in++
			} else {
				fails(t, "used up", err, store.ErrNoInvitation)
			}
		}
		if in != 1 {
			t.Errorf("%d came in", in)
		}
		done(t, st.Invite(t.Context(), "late", now.kept().Add(time.Minute)))
		now.advance(time.Minute)
		_, err = st.CreateInvited(t.Context(), "late", "carol", "c@x", "hash")
		fails(t, "too late", err, store.ErrNoInvitation)
	},

	"who is signed out is out everywhere": func(t *testing.T, db Database) {
		st := one(db)
		u := user(t, st, "alice")
		done(t, st.SetKey(t.Context(), u, "sum"))
		done(t, st.SignOut(t.Context(), u.Name))
		now := must(st.UserByID(t.Context(), u.ID))(t)
		if now.TokenTag == u.TokenTag || now.PasswordHash != u.PasswordHash {
			t.Errorf("got %+v of %+v", now, u)
		}
		_, err := st.UserByKey(t.Context(), "sum")
		fails(t, "the key", err, store.ErrNoUser)
		fails(t, "nobody", st.SignOut(t.Context(), "nobody"), store.ErrNoUser)
	},

	"a user is disabled and enabled": func(t *testing.T, db Database) {
		st := one(db)
		u, other := user(t, st, "alice"), user(t, st, "bob")
		done(t, st.SetKey(t.Context(), u, "sum"))
		for _, disabled := range []bool{true, true, false} {
			done(t, st.SetDisabled(t.Context(), "alice", disabled))
			u.Disabled = disabled
			finds(t, u, "UserByID", must(st.UserByID(t.Context(), u.ID))(t))
			finds(t, u, "UserByKey", must(st.UserByKey(t.Context(), "sum"))(t))
			finds(t, other, "the other", must(st.UserByID(t.Context(), other.ID))(t))
		}
		fails(t, "nobody", st.SetDisabled(t.Context(), "Alice", true), store.ErrNoUser, store.ErrNotFound)
	},

	"UserChanges tells of each call that changes a user": func(t *testing.T, db Database) {
		st := one(db)
		u := user(t, st, "alice")
		for name, call := range map[string]func() error{
			"SetDisabled": func() error { return st.SetDisabled(t.Context(), "alice", true) },
			"SetPassword": func() error { return st.SetPassword(t.Context(), "alice", "new") },
			"SetKey":      func() error { return st.SetKey(t.Context(), must(st.UserByID(t.Context(), u.ID))(t), "sum") },
			"RemoveKey":   func() error { return st.RemoveKey(t.Context(), u.ID) },
		} {
			before := st.UserChanges()
			must(st.UserByID(t.Context(), u.ID))(t)
			if st.UserChanges() != before {
				t.Errorf("a look before %s counts", name)
			}
			done(t, call())
			if st.UserChanges() == before {
				t.Errorf("%s does not count", name)
			}
		}
	},
}

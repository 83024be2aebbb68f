package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

var users = map[string]func(*testing.T, Database){
	"a new user is found as they were made": func(t *testing.T, db Database) {
		now := newClock()
		st := db.Open(now.Now)
		u := must(st.CreateUser(t.Context(), "ańa", "a@x", "hash"))(t)
		exactly(t, "CreatedAt", u.CreatedAt, now.kept())
		want := store.User{ID: u.ID, Name: "ańa", Email: "a@x", PasswordHash: "hash", TokenTag: u.TokenTag, CreatedAt: u.CreatedAt}
		if diff := cmp.Diff(want, u); diff != "" || u.ID == "" {
			t.Error(diff)
		}
		now.advance(time.Hour)
		done(t, st.SetKey(t.Context(), u, "sum"))
		finds(t, u, "UserByID", must(st.UserByID(t.Context(), u.ID))(t))
		finds(t, u, "by name", must(st.UserByLogin(t.Context(), "ańa"))(t))
		finds(t, u, "by email", must(st.UserByLogin(t.Context(), "a@x"))(t))
		finds(t, u, "UserByKey", must(st.UserByKey(t.Context(), "sum"))(t))
	},

	"nobody is found by what is nearly theirs": func(t *testing.T, db Database) {
		st := one(db)
		u := must(st.CreateUser(t.Context(), "alice", "a@x", "hash"))(t)
		done(t, st.SetKey(t.Context(), u, "sum"))
		must(st.LocalUser(t.Context()))(t) // has no email and no key
		for _, login := range []string{"", "Alice", "alice ", "A@x", u.ID, "hash", "%"} {
			_, err := st.UserByLogin(t.Context(), login)
			fails(t, "login "+login, err, store.ErrNoUser, store.ErrNotFound)
		}
		_, err := st.UserByID(t.Context(), "alice")
		fails(t, "id alice", err, store.ErrNoUser, store.ErrNotFound)
		for _, sum := range []string{"", "SUM", "su"} {
			_, err := st.UserByKey(t.Context(), sum)
			fails(t, "key "+sum, err, store.ErrNoUser, store.ErrNotFound)
		}
	},

	"names and emails share one space": func(t *testing.T, db Database) {
		st := one(db)
		must(st.CreateUser(t.Context(), "alice", "a@x", "hash"))(t)
		for _, tt := range []struct {
			name, email string
			want        error
		}{
			{"alice", "b@x", store.ErrUsernameTaken}, {"bob", "a@x", store.ErrEmailTaken},
			{"a@x", "b@x", store.ErrUsernameTaken}, {"bob", "alice", store.ErrEmailTaken},
			{"alice", "a@x", store.ErrUsernameTaken},
			{store.LocalName, "b@x", store.ErrUsernameTaken}, {"bob", store.LocalName, store.ErrEmailTaken},
		} {
			_, err := st.CreateUser(t.Context(), tt.name, tt.email, "")
			fails(t, tt.name+" and "+tt.email, err, tt.want, store.ErrUserExists, store.ErrConflict)
		}
		if list := must(st.ListUsers(t.Context()))(t); len(list) != 1 {
			t.Errorf("what was refused is there: %+v", list)
		}
		u := must(st.CreateUser(t.Context(), "Alice", "A@x", "hash"))(t) // letter case tells them apart
		finds(t, u, "other letter case", must(st.UserByLogin(t.Context(), "Alice"))(t))
	},

	"one of many who want a name gets it": func(t *testing.T, db Database) {
		stores := []store.Store{one(db), one(db)}
		errs := make([]error, 16)
		together(len(errs), func(i int) {
			_, errs[i] = stores[i%2].CreateUser(t.Context(), "alice", fmt.Sprintf("%d@x", i), "")
		})
		failed := 0
		for _, err := range errs {
			if err != nil {
				failed++
				fails(t, "CreateUser", err, store.ErrUsernameTaken)
			}
		}
		if failed != len(errs)-1 {
			t.Errorf("%d of %d failed", failed, len(errs))
		}
	},

	"the built-in user is made once": func(t *testing.T, db Database) {
		now := newClock()
		stores := []store.Store{db.Open(now.Now), db.Open(now.Now)}
		got := make([]store.User, 8)
		together(len(got), func(i int) {
			var err error
			if got[i], err = stores[i%2].LocalUser(t.Context()); err != nil {
				t.Error(err)
			}
		})
		want := store.User{ID: got[0].ID, Name: store.LocalName, TokenTag: got[0].TokenTag, CreatedAt: now.kept(), BuiltIn: true}
		for _, u := range got {
			if diff := cmp.Diff(want, u); diff != "" {
				t.Error(diff)
			}
		}
		if list := must(stores[0].ListUsers(t.Context()))(t); len(list) != 1 {
			t.Errorf("listed: %+v", list)
		}
	},

	"users are listed by name with what they have": func(t *testing.T, db Database) {
		st := one(db)
		if list := must(st.ListUsers(t.Context()))(t); len(list) != 0 {
			t.Errorf("in an empty database: %+v", list)
		}
		var users []store.User
		for _, name := range []string{"😀", "中", "é", "b", "a", "_", "Z"} {
			users = append(users, user(t, st, name))
		}
		slices.Reverse(users) // by bytes
		var want []store.UserUsage
		for _, u := range users {
			want = append(want, store.UserUsage{ID: u.ID, Username: u.Name, Email: u.Email, CreatedAt: u.CreatedAt})
		}
		for i, u := range []store.User{users[0], users[3], users[3]} {
			body := make([]byte, 10+i)
			done(t, put(t.Context(), st, u, fmt.Sprintf("%08x", i), "", body))
		}
		want[0].Chunks, want[0].Bytes, want[3].Chunks, want[3].Bytes = 1, 10, 2, 23
		if diff := cmp.Diff(want, must(st.ListUsers(t.Context()))(t)); diff != "" {
			t.Error(diff)
		}
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

// finds compares a user with the one who was found.
func finds(t *testing.T, want store.User, how string, got store.User) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", how, diff)
	}
}

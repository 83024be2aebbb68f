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
		want[0].Chunks, want[0].Bytes, want[0].Used = 1, 10, 10
		want[3].Chunks, want[3].Bytes, want[3].Used = 2, 23, 23
		if diff := cmp.Diff(want, must(st.ListUsers(t.Context()))(t)); diff != "" {
			t.Error(diff)
		}
	},

	"when and from where a user came is known": func(t *testing.T, db Database) {
		now := newClock()
		st := db.Open(now.Now)
		u, other := user(t, st, "alice"), user(t, st, "bob")
		changes := st.UserChanges()
		done(t, st.Seen(t.Context(), u, "192.0.2.1", store.Session{}))
		now.advance(time.Hour)
		want := now.kept()
		done(t, st.Seen(t.Context(), u, "2001:db8::1", store.Session{}))
		done(t, st.Seen(t.Context(), store.User{ID: "nobody"}, "192.0.2.1", store.Session{ID: "s"}))
		for _, is := range must(st.ListUsers(t.Context()))(t) {
			if is.ID == other.ID {
				want = time.Time{}
			}
			if from := is.LastSeenFrom; !is.LastSeen.Equal(want) || is.ID == u.ID && from != "2001:db8::1" || is.ID == other.ID && from != "" {
				t.Errorf("%s was seen at %v from %q, want %v", is.Username, is.LastSeen, from, want)
			}
		}
		if st.UserChanges() != changes {
			t.Error("it counts as a change of who may come")
		}
	},

	"nobody keeps more than their quota": func(t *testing.T, db Database) {
		st := one(db)
		u, other := user(t, st, "alice"), user(t, st, "bob")
		st.DefaultQuota(100)
		used := func(want, quota int64) {
			t.Helper()
			for _, is := range must(st.ListUsers(t.Context()))(t) {
				if is.ID == u.ID && (is.Used != want || is.Quota != quota) {
					t.Errorf("%d of %d are used, want %d of %d", is.Used, is.Quota, want, quota)
				}
			}
		}
		full := func(what string, err error) {
			t.Helper()
			if over, ok := errors.AsType[*store.QuotaError](err); !ok || over.Quota != 100 {
				t.Errorf("%s: %v", what, err)
			}
		}
		body := make([]byte, 60)
		done(t, put(t.Context(), st, u, someID, reducedSum, body))
		full("a second chunk", put(t.Context(), st, u, "ffffffff", "", body))
		full("a batch", func() error {
			_, err := st.AppendMutations(t.Context(), u.ID, "key", batch(string(body), "a"))
			return err
		}())
		used(60, 100)
		done(t, put(t.Context(), st, u, someID, fullSum, body[:40])) // a replacement counts for what it adds
		used(40, 100)
		done(t, put(t.Context(), st, other, "ffffffff", "", body)) // everybody has their own
		small := batch("1", "a")
		must(st.AppendMutations(t.Context(), u.ID, "key", small))(t)
		must(st.AppendMutations(t.Context(), u.ID, "key", small))(t) // the same
		used(40+small.Bytes(), 100)
		done(t, st.SetQuota(t.Context(), u.Name, 0))
		done(t, put(t.Context(), st, u, "ffffffff", "", make([]byte, 1000)))
		used(1040+small.Bytes(), 0)
		done(t, st.SetQuota(t.Context(), u.Name, -1))
		used(1040+small.Bytes(), 100)
		full("when there is too much", put(t.Context(), st, u, "eeeeeeee", "", body[:1]))
		fails(t, "nobody", st.SetQuota(t.Context(), "nobody", 1), store.ErrNoUser)
	},

	"a user is deleted with all that is theirs": func(t *testing.T, db Database) {
		st := one(db)
		u, other := user(t, st, "alice"), user(t, st, "bob")
		for _, u := range []store.User{u, other} {
			done(t, put(t.Context(), st, u, someID, fullSum, []byte("body of "+u.Name)))
			must(st.AppendMutations(t.Context(), u.ID, "key", batch("1", "a")))(t)
			done(t, st.SetKey(t.Context(), u, "key of "+u.Name))
		}
		before, changes := everything(t, st, other), st.UserChanges()
		done(t, st.DeleteUser(t.Context(), u.Name))
		fails(t, "again", st.DeleteUser(t.Context(), u.Name), store.ErrNoUser)
		if st.UserChanges() == changes {
			t.Error("nobody is told")
		}
		_, err := st.UserByKey(t.Context(), "key of alice")
		fails(t, "the key", err, store.ErrNoUser)
		_, err = st.OpenChunk(t.Context(), u.ID, someID)
		fails(t, "the chunk", err, store.ErrNoChunk)
		fails(t, "a push", put(t.Context(), st, u, someID, fullSum, []byte("late")), store.ErrNoUser)
		_, err = st.AppendMutations(t.Context(), u.ID, "", batch("1", "a"))
		fails(t, "a mutation", err, store.ErrNoUser)
		_, err = st.ManifestTag(t.Context(), u.ID)
		fails(t, "the tag", err, store.ErrNoUser)
		_, err = st.Manifest(t.Context(), u.ID, func(store.ChunkEntry) error { return nil })
		fails(t, "the list", err, store.ErrNoUser)
		after := everything(t, st, other)
		before.Users = after.Users
		if diff := cmp.Diff(before, after); diff != "" || len(after.Users) != 1 {
			t.Errorf("the others (-before +after):\n%s", diff)
		}
		again := user(t, st, "alice")
		if tag, entries, err := list(t, st, again); again.ID == u.ID || len(entries) != 0 || tag == "" || err != nil {
			t.Errorf("a new one of that name has %v, %v", entries, err)
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

package signin

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// users is a store with one user, that counts how often it is asked.
type users struct {
	store.Users
	user    store.User
	key     string // its hash
	changes int64
	asked   int
}

func (u *users) UserChanges() int64 { return u.changes }

func (u *users) find(fits bool) (store.User, error) {
	u.asked++
	if !fits {
		return store.User{}, store.ErrNoUser
	}
	return u.user, nil
}

func (u *users) UserByID(_ context.Context, id string) (store.User, error) {
	return u.find(id == u.user.ID)
}

func (u *users) UserByKey(_ context.Context, hash string) (store.User, error) {
	return u.find(hash == u.key)
}

// desk is a Bearers of one user whose clock a test sets.
type desk struct {
	*Bearers
	t     *testing.T
	users *users
	now   time.Time
}

func newDesk(t *testing.T) *desk {
	d := &desk{t: t, users: &users{user: store.User{ID: "1", Name: "alice", TokenTag: "tag"}}, now: time.Unix(1_800_000_000, 0)}
	d.Bearers = NewBearers(d.users, NewKey(), func() time.Time { return d.now })
	return d
}

// comes lets somebody come with a token, and tells how it went.
func (d *desk) comes(token string, want error, asked int) {
	d.t.Helper()
	before := d.users.asked
	u, _, err := d.Who(d.t.Context(), token)
	if !errors.Is(err, want) || err == nil && u != d.users.user {
		d.t.Errorf("got %v, %v, want %v", u, err, want)
	}
	if got := d.users.asked - before; got != asked {
		d.t.Errorf("the store was asked %d times, want %d", got, asked)
	}
}

func (d *desk) token(kind Kind) string {
	d.t.Helper()
	token, err := d.Issue(d.users.user, kind, store.Session{})
	if err != nil {
		d.t.Fatal(err)
	}
	return token
}

func TestTheStoreIsNotAskedForEachRequest(t *testing.T) {
	for name, bring := range map[string]func(d *desk) string{
		"a token": func(d *desk) string { return d.token(AccessToken) },
		"a key": func(d *desk) string {
			key := NewAPIKey()
			d.users.key = KeyHash(key)
			return key
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			token := bring(d)
			d.comes(token, nil, 1)
			d.comes(token, nil, 0)
			d.now = d.now.Add(StaleAfter - 1)
			d.comes(token, nil, 0)
			d.now = d.now.Add(1) // another process may have changed the user
			d.comes(token, nil, 1)
			d.now = d.now.Add(-time.Hour) // the clock was set back
			d.comes(token, nil, 1)

			d.users.changes++
			d.comes(token, nil, 1)
			d.users.user.Disabled = true
			d.users.changes++
			d.comes(token, ErrRefused, 1)
			d.comes(token, ErrRefused, 1) // nobody is kept out by what is remembered
			d.users.user.Disabled = false
			d.users.changes++
			d.comes(token, nil, 1)
		})
	}
}

func TestARememberedTokenEnds(t *testing.T) {
	d := newDesk(t)
	token := d.token(AccessToken)
	d.now = d.now.Add(AccessLifetime - 1)
	d.comes(token, nil, 1)
	d.now = d.now.Add(1) // less than StaleAfter later
	d.comes(token, ErrRefused, 0)

	d = newDesk(t)
	token = d.token(AccessToken)
	d.comes(token, nil, 1)
	d.users.user.TokenTag = "another" // a new password
	d.users.changes++
	d.comes(token, ErrRefused, 1)
}

func TestWhatIsNoAccessTokenIsNotLookedUp(t *testing.T) {
	d := newDesk(t)
	for _, token := range []string{"", "nonsense", d.token(RefreshToken), d.token(SessionToken), newDesk(t).token(AccessToken)} {
		d.comes(token, ErrRefused, 0)
	}
}

// A token is good for what it was made for, until its time is over.
func TestKindsOfTokens(t *testing.T) {
	d := newDesk(t)
	d.users.key = KeyHash("eng_key")
	for _, kind := range []Kind{AccessToken, RefreshToken, SessionToken} {
		for _, other := range []Kind{AccessToken, RefreshToken, SessionToken} {
			if _, _, err := d.Holder(t.Context(), d.token(other), kind); (err == nil) != (kind == other) || err != nil && !errors.Is(err, ErrRefused) {
				t.Errorf("a token for %s is taken for %s: %v", other, kind, err)
			}
		}
		if _, _, err := d.Holder(t.Context(), "eng_key", kind); !errors.Is(err, ErrRefused) {
			t.Errorf("a key is taken for %s: %v", kind, err)
		}
	}
	session := d.token(SessionToken)
	d.now = d.now.Add(SessionLifetime - 1)
	if _, _, err := d.Holder(t.Context(), session, SessionToken); err != nil {
		t.Error(err)
	}
	d.now = d.now.Add(1)
	if _, _, err := d.Holder(t.Context(), session, SessionToken); !errors.Is(err, ErrRefused) {
		t.Errorf("a session that is over: %v", err)
	}
}

// The one that was used least lately is forgotten, and no more are kept than maxRecent.
func TestRecentIsBounded(t *testing.T) {
	var r recent
	sum := func(i int) (sum [32]byte) { copy(sum[:], fmt.Sprint(i)); return sum }
	for i := range maxRecent {
		r.put(sum(i), sighting{user: store.User{ID: fmt.Sprint(i)}})
	}
	r.get(sum(0))
	r.put(sum(1), sighting{user: store.User{ID: "again"}})
	r.put(sum(maxRecent), sighting{user: store.User{ID: "new"}})
	for i, want := range map[int]string{0: "0", 1: "again", 2: "", 3: "3", maxRecent: "new"} {
		if got := r.get(sum(i)).user.ID; got != want {
			t.Errorf("%d: %q, want %q", i, got, want)
		}
	}
	if len(r.bySum) != maxRecent || r.order.Len() != maxRecent {
		t.Errorf("%d, %d are kept", len(r.bySum), r.order.Len())
	}
}

func BenchmarkWho(b *testing.B) {
	d := &desk{users: &users{user: store.User{ID: "1", TokenTag: "tag"}}, now: time.Unix(1_800_000_000, 0)}
	d.Bearers = NewBearers(d.users, NewKey(), func() time.Time { return d.now })
	token, err := d.Issue(d.users.user, AccessToken, store.Session{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := d.Who(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

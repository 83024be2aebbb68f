package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// ErrRefused says that a token or key lets nobody in: it is not ours, too old or revoked,
// or its user is gone or disabled.
var ErrRefused = errors.New("invalid or expired token")

// Bearers issues tokens, and finds out who sent one. It is safe for concurrent use.
type Bearers struct {
	users  store.Users
	tokens tokens
	recent recent
}

// NewBearers makes one for tokens under a key. now is their clock.
func NewBearers(users store.Users, key []byte, now func() time.Time) *Bearers {
	return &Bearers{users: users, tokens: tokens{key, now}}
}

// Mark tells servers with different keys apart, and says nothing about the keys, which are random.
func (b *Bearers) Mark() string {
	sum := sha256.Sum256(append([]byte("mark of "), b.tokens.key...))
	return hex.EncodeToString(sum[:4])
}

// Begin makes the session of who signs in, for tokens of a kind and those that come from them.
func (b *Bearers) Begin(kind Kind) store.Session {
	return begin(kind, rand.Text(), b.tokens.now().UTC().Truncate(time.Second)) // as tokens tell it
}

// Issue makes a token of a user in a session (the zero one is none), which the lifetime of its kind ends.
func (b *Bearers) Issue(u store.User, kind Kind, in store.Session) (string, error) {
	return b.tokens.issue(u, kind, in)
}

// Who gives the user of a token or API key, and the session that a token comes from, else an error: ErrRefused, or one
// of the store.
func (b *Bearers) Who(ctx context.Context, token string) (store.User, store.Session, error) {
	sum, changes, now := sha256.Sum256([]byte(token)), b.users.UserChanges(), b.tokens.now()
	known := b.recent.get(sum)
	if known.fresh(changes, now) {
		return known.user, known.in, nil
	}
	if !known.good(now) {
		var err error
		if known.bearer, err = b.read(token); err != nil {
			return store.User{}, store.Session{}, err
		}
	}
	u, err := b.userOf(ctx, known.bearer)
	if err == nil {
		b.recent.put(sum, sighting{known.bearer, u, changes, now})
	}
	return u, known.in, err
}

// Holder gives the user and the session of a token of a kind, and of no other. Errors are as for Who.
func (b *Bearers) Holder(ctx context.Context, token string, kind Kind) (store.User, store.Session, error) {
	c, err := b.claimed(token, kind)
	if err != nil {
		return store.User{}, store.Session{}, err
	}
	u, err := b.userOf(ctx, c)
	return u, c.in, err
}

// bearer is what a token or an API key says.
type bearer struct {
	key string // its hash, "" for a token

	id, tag string    // of the user
	expires time.Time // zero for a key
	in      store.Session
}

// good says whether it was read, and still counts.
func (b bearer) good(now time.Time) bool {
	return b.key != "" || b.id != "" && now.Before(b.expires)
}

// read takes an access token or an API key for what it says.
func (b *Bearers) read(token string) (bearer, error) {
	if IsKey(token) {
		return bearer{key: KeyHash(token)}, nil
	}
	return b.claimed(token, AccessToken)
}

func (b *Bearers) claimed(token string, kind Kind) (bearer, error) {
	c, err := b.tokens.verify(token, kind)
	if err != nil {
		return bearer{}, err
	}
	return bearer{id: c.UserID, tag: c.Tag, expires: c.ExpiresAt.Time, in: c.session()}, nil
}

// userOf finds the user. Those who are unknown or disabled are refused, other than at the
// reference server, and so are tokens from before the password was changed.
func (b *Bearers) userOf(ctx context.Context, c bearer) (u store.User, err error) {
	if c.key != "" {
		u, err = b.users.UserByKey(ctx, c.key)
	} else {
		u, err = b.users.UserByID(ctx, c.id)
	}
	if errors.Is(err, store.ErrNoUser) || err == nil && (u.Disabled || c.key == "" && c.tag != u.TokenTag) {
		return store.User{}, ErrRefused
	}
	return u, err
}

// keyPrefix tells API keys from tokens. Case matters.
const keyPrefix = "eng_"

// apiKeyBytes is how many random bytes an API key has, written in hex.
const apiKeyBytes = 32

// IsKey says whether what a client brings is an API key.
func IsKey(text string) bool { return strings.HasPrefix(text, keyPrefix) }

// NewAPIKey makes one.
func NewAPIKey() string {
	secret := make([]byte, apiKeyBytes)
	rand.Read(secret) // never fails
	return keyPrefix + hex.EncodeToString(secret)
}

// KeyHash is all that is kept of an API key. It needs no salt and no cost,
// since keys are random.
func KeyHash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

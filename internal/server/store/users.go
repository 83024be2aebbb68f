package store

import (
	"context"
	"time"
)

// LocalName is the name of the built-in user, which nobody can register.
const LocalName = "local"

// User is somebody with chunks and a journal of their own.
type User struct {
	ID           string
	Name         string
	Email        string // "" for the built-in user
	PasswordHash string // "" means that no password fits
	TokenTag     string // which tokens must carry; it changes with the password
	CreatedAt    time.Time
	Disabled     bool
	BuiltIn      bool
}

// UserUsage is a user as administrators see them: without secrets, and with the
// size of what is kept for them. The JSON form is stable.
type UserUsage struct {
	ID        string    `json:"id"`
	Username  string    `json:"username"`
	Email     string    `json:"email"` // "" for the built-in user
	CreatedAt time.Time `json:"created_at"`
	Disabled  bool      `json:"disabled"`
	BuiltIn   bool      `json:"built_in"` // LocalName, who has no password
	Chunks    int       `json:"chunks"`
	Bytes     int64     `json:"bytes"` // of the chunks' bodies, uncompressed
	Used      int64     `json:"used"`  // of the quota: those bytes, and those of the journal
	Quota     int64     `json:"quota"` // in bytes; 0: there is none

	// When and from which address they were seen last, as Seen was told.
	LastSeen     time.Time `json:"last_seen,omitzero"` // zero: never
	LastSeenFrom string    `json:"last_seen_from,omitempty"`
}

// Session is a sign-in, whose tokens are good until a moment, or an API key. The JSON form is stable.
type Session struct {
	ID     string    `json:"-"`      // "" for an API key
	Kind   string    `json:"kind"`   // client, browser or "API key"
	Client string    `json:"client"` // what it says that it is
	Began  time.Time `json:"began"`
	Until  time.Time `json:"until,omitzero"` // zero: no end
	// When and from which address it came last, as Seen was told.
	LastSeen     time.Time `json:"last_seen,omitzero"`
	LastSeenFrom string    `json:"last_seen_from,omitempty"`
}

// KeyKind is the Kind of an API key.
const KeyKind = "API key"

// MaxSessions is how many sessions of a user are kept: those that were seen last. Who signs in with each request fills no disk.
const MaxSessions = 100

// Users keeps who may sign in, and each user's API key by its hash.
type Users interface {
	// CreateUser adds a user under a new id. Names and emails share one space: who
	// registers somebody's email as a name would capture their sign-ins. The
	// error is ErrUsernameTaken or ErrEmailTaken, the former if both are, and
	// for LocalName always.
	CreateUser(ctx context.Context, name, email, passwordHash string) (User, error)
	// CreateInvited is CreateUser for who brings an invitation, by its hash, which then is used
	// up. ErrNoInvitation says that there is none, or that its time is over.
	CreateInvited(ctx context.Context, invitation, name, email, passwordHash string) (User, error)
	// Invite keeps an invitation until a moment.
	Invite(ctx context.Context, invitation string, until time.Time) error
	// LocalUser gives the built-in user, and makes it where it is missing: once,
	// whoever asks at the same moment. It has no password.
	LocalUser(ctx context.Context) (User, error)

	// These find one user, or give ErrNoUser. A login is a name or an email.
	UserByID(ctx context.Context, id string) (User, error)
	UserByLogin(ctx context.Context, login string) (User, error)
	UserByKey(ctx context.Context, keyHash string) (User, error)
	// UserChanges gives another number once a method below has
	// returned, so that what these three found can be used again. Calls of other processes
	// need not count: it must not be used for more than a few seconds.
	UserChanges() int64
	// ListUsers gives all users, sorted by name.
	ListUsers(ctx context.Context) ([]UserUsage, error)

	// DefaultQuota says how many bytes a user may keep whom SetQuota told nothing else; 0: any
	// number. It comes before the first use.
	DefaultQuota(bytes int64)
	// SetQuota says how many bytes a user may keep; 0: any number, negative: as many as
	// DefaultQuota says. What is there stays. ErrNoUser where nobody has the name.
	SetQuota(ctx context.Context, name string, bytes int64) error
	// DeleteUser removes a user, and all that is kept for them. ErrNoUser where nobody has the name.
	DeleteUser(ctx context.Context, name string) error

	// SetDisabled marks a user. ErrNoUser where nobody has the name.
	SetDisabled(ctx context.Context, name string, disabled bool) error
	// SetPassword changes a user's password hash, and does what SignOut does. ErrNoUser where nobody has the name.
	SetPassword(ctx context.Context, name, passwordHash string) error

	// Seen notes that a user came just now from an address, in a session, which is one of theirs from then on if they have
	// the TokenTag still, as long as it lasts, and is among MaxSessions; without an id it is none. It is no error if nobody has the user's id, and no
	// change for UserChanges.
	Seen(ctx context.Context, u User, from string, s Session) error
	// Sessions gives those of a user that last, and the API key, the one that began last first. ErrNoUser where nobody has the name.
	Sessions(ctx context.Context, name string) ([]Session, error)

	// SignOut changes a user's TokenTag, ends their sessions, and removes the API key. ErrNoUser where nobody has the name.
	SignOut(ctx context.Context, name string) error

	// SetKey gives a user an API key in place of the one before. ErrNoUser says
	// that u's TokenTag has changed since u was read: a key that is asked for
	// with an old token must not outlive it.
	SetKey(ctx context.Context, u User, keyHash string) error
	// RemoveKey takes a user's API key away. It is fine if there is none.
	RemoveKey(ctx context.Context, userID string) error
}

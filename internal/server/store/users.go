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
}

// Users keeps who may sign in, and each user's API key by its hash. A user is
// never removed.
type Users interface {
	// CreateUser adds a user under a new id. Names and emails share one space: who
	// registers somebody's email as a name would capture their sign-ins. The
	// error is ErrUsernameTaken or ErrEmailTaken, the former if both are, and
	// for LocalName always.
	CreateUser(ctx context.Context, name, email, passwordHash string) (User, error)
	// LocalUser gives the built-in user, and makes it where it is missing: once,
	// whoever asks at the same moment. It has no password.
	LocalUser(ctx context.Context) (User, error)

	// These find one user, or give ErrNoUser. A login is a name or an email.
	UserByID(ctx context.Context, id string) (User, error)
	UserByLogin(ctx context.Context, login string) (User, error)
	UserByKey(ctx context.Context, keyHash string) (User, error)
	// UserChanges gives another number once SetDisabled, SetPassword, SetKey or RemoveKey has
	// returned, so that what these three found can be used again. Calls of other processes
	// need not count: it must not be used for more than a few seconds.
	UserChanges() int64
	// ListUsers gives all users, sorted by name.
	ListUsers(ctx context.Context) ([]UserUsage, error)

	// SetDisabled marks a user. ErrNoUser where nobody has the name.
	SetDisabled(ctx context.Context, name string, disabled bool) error
	// SetPassword changes a user's password hash and TokenTag, and removes the
	// API key. ErrNoUser where nobody has the name.
	SetPassword(ctx context.Context, name, passwordHash string) error

	// SetKey gives a user an API key in place of the one before. ErrNoUser says
	// that u's TokenTag has changed since u was read: a key that is asked for
	// with an old token must not outlive it.
	SetKey(ctx context.Context, u User, keyHash string) error
	// RemoveKey takes a user's API key away. It is fine if there is none.
	RemoveKey(ctx context.Context, userID string) error
}

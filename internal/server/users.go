package server

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// localName is the name of the built-in account. Nobody can register it.
const localName = "local"

var (
	errUsernameTaken = &accountError{ErrUserExists, "username is already registered"}
	errEmailTaken    = &accountError{ErrUserExists, "email is already registered"}
)

// user is an account as far as requests need it.
type user struct {
	id       string
	name     string
	hash     string // of the password; "" means that no password fits
	tag      string // that its tokens must have
	disabled bool
}

// userStore keeps accounts and their API keys.
type userStore struct {
	db *database
}

const selectUser = "SELECT u.id, u.username, coalesce(u.password_hash, ''), u.token_tag, u.disabled FROM users u "

// find gives the one user that selectUser and where find, else ErrNoUser.
func (s *userStore) find(ctx context.Context, where string, args ...any) (user, error) {
	var u user
	err := s.db.read.QueryRowContext(ctx, selectUser+where, args...).Scan(&u.id, &u.name, &u.hash, &u.tag, &u.disabled)
	if errors.Is(err, sql.ErrNoRows) {
		return user{}, ErrNoUser
	}
	return u, err
}

func (s *userStore) byID(ctx context.Context, id string) (user, error) {
	return s.find(ctx, "WHERE u.id = ?", id)
}

// byIdentifier finds who signs in: a user name wins over an email.
func (s *userStore) byIdentifier(ctx context.Context, identifier string) (user, error) {
	return s.find(ctx, "WHERE u.username = ?1 OR u.email = ?1 ORDER BY u.username = ?1 DESC LIMIT 1", identifier)
}

func (s *userStore) byKeyHash(ctx context.Context, hash string) (user, error) {
	return s.find(ctx, "JOIN api_keys k ON k.user_id = u.id WHERE k.key_sha256 = ?", hash)
}

// create makes an account. Names and emails share one space, errUsernameTaken
// or errEmailTaken: on the reference server, who registers somebody's email as
// user name captures their sign-ins.
func (s *userStore) create(ctx context.Context, name, email, hash string, at time.Time) (user, error) {
	u := user{name: name, hash: hash}
	err := s.db.update(ctx, func(tx *sql.Tx) (err error) {
		for _, claim := range []struct {
			text  string
			taken *accountError
		}{{name, errUsernameTaken}, {email, errEmailTaken}} {
			var n int
			err := tx.QueryRowContext(ctx, "SELECT count(*) FROM users WHERE username = ?1 OR email = ?1", claim.text).Scan(&n)
			if err != nil {
				return err
			}
			if n > 0 || claim.text == localName {
				return claim.taken
			}
		}
		u.id, err = insertUser(ctx, tx, name, email, hash, at)
		return err
	})
	return u, err
}

// local finds the built-in account, and makes it where it is missing.
func (s *userStore) local(ctx context.Context, at time.Time) (user, error) {
	const where = "WHERE u.builtin = 1"
	u, err := s.find(ctx, where)
	if !errors.Is(err, ErrNoUser) {
		return u, err
	}
	err = s.db.update(ctx, func(tx *sql.Tx) error {
		// Another process may have been faster.
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM users WHERE builtin = 1").Scan(&n); err != nil || n > 0 {
			return err
		}
		id, err := insertUser(ctx, tx, localName, "", "", at)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE users SET builtin = 1 WHERE id = ?", id)
		return err
	})
	if err != nil {
		return user{}, err
	}
	return s.find(ctx, where)
}

// insertUser gives the id of the new user. An empty email or hash is none.
func insertUser(ctx context.Context, tx *sql.Tx, name, email, hash string, at time.Time) (string, error) {
	id, err := uuid.NewRandom()
	if err != nil {
		return "", fmt.Errorf("make a user id: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO users (id, username, email, password_hash, manifest_tag, created_at)
		VALUES (?, ?, nullif(?, ''), nullif(?, ''), ?, ?)`, id.String(), name, email, hash, rand.Text(), timestamp(at))
	return id.String(), err
}

// setKey gives a user an API key, known by its hash, in place of the one before.
// ErrNoUser says that u's password has changed since u was read: a key that is
// asked for with an old token must not outlive it.
func (s *userStore) setKey(ctx context.Context, u user, hash string, at time.Time) error {
	return s.db.update(ctx, func(tx *sql.Tx) error {
		added, err := countChanges(tx.ExecContext(ctx, `INSERT OR REPLACE INTO api_keys (user_id, key_sha256, created_at)
			SELECT id, ?, ? FROM users WHERE id = ? AND token_tag = ?`, hash, timestamp(at), u.id, u.tag))
		if err == nil && added == 0 {
			return ErrNoUser
		}
		return err
	})
}

// dropKey takes a user's API key away. It is fine if there is none.
func (s *userStore) dropKey(ctx context.Context, userID string) error {
	return s.db.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM api_keys WHERE user_id = ?", userID)
		return err
	})
}

// timestampLayout has the same number of digits always, in UTC.
const timestampLayout = "2006-01-02T15:04:05.000000Z"

// timestamp writes a time so that texts sort as times do: old clients compare
// those of manifests as text.
func timestamp(t time.Time) string { return t.UTC().Format(timestampLayout) }

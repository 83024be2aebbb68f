package server

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// What is wrong with a request for or about an account. Errors that wrap
// ErrUserExists or ErrBadInput say in their text which part is meant; none of
// them repeats a password.
var (
	ErrNoUser     = errors.New("no such user")
	ErrUserExists = errors.New("user exists")
	ErrBadInput   = errors.New("bad input")
)

// accountError is one of the errors above with a text of its own, which clients
// of the reference server know.
type accountError struct {
	kind error
	text string
}

func (e *accountError) Error() string { return e.text }
func (e *accountError) Unwrap() error { return e.kind }

func badInput(format string, args ...any) error {
	return &accountError{ErrBadInput, fmt.Sprintf(format, args...)}
}

// User is an account as its administrator sees it. The JSON form is stable.
type User struct {
	ID        string    `json:"id"`
	Username  string    `json:"username"`
	Email     string    `json:"email"` // "" for the built-in account
	CreatedAt time.Time `json:"created_at"`
	Disabled  bool      `json:"disabled"`
	BuiltIn   bool      `json:"built_in"` // the account "local", which has no password
	Chunks    int       `json:"chunks"`
	Bytes     int64     `json:"bytes"` // of the chunks' stored bodies, uncompressed
}

// AddUser makes an account, under the rules of POST /auth/register and whether
// or not Options.NoRegister is set. Name and email must be free, else the error
// wraps ErrUserExists; what no account can have wraps ErrBadInput.
//
// AddUser and the methods below may be used while other processes serve the
// same directory: those see the change with their next request.
func (s *Server) AddUser(ctx context.Context, username, email, password string) (User, error) {
	at := s.now()
	u, err := s.signUp(ctx, username, email, password, at)
	if err != nil {
		return User{}, err
	}
	created := at.UTC().Truncate(time.Microsecond) // as it is stored
	return User{ID: u.id, Username: username, Email: email, CreatedAt: created}, nil
}

// Users lists all accounts by name. Names and emails are what somebody typed
// in, of any script; since control characters are refused, they are safe to
// show, except for accounts of releases before that rule.
func (s *Server) Users(ctx context.Context) ([]User, error) {
	users, err := s.users.list(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the users: %w", err)
	}
	return users, nil
}

// SetDisabled shuts an account out, or lets it in again. While it is disabled,
// its password, tokens and API key are refused; none of them is lost. Its
// chunks stay. The error wraps ErrNoUser where nobody has this name, and
// ErrBadInput for the built-in account.
func (s *Server) SetDisabled(ctx context.Context, username string, disabled bool) error {
	if username == localName {
		return badInput("the built-in user %s cannot be disabled or enabled", localName)
	}
	return s.users.setDisabled(ctx, username, disabled)
}

// SetPassword gives an account a new password. Tokens issued before are refused
// from then on, and its API key is gone: whoever knew the old password is out.
// Errors are as for SetDisabled; a password that is too short or too long wraps
// ErrBadInput.
func (s *Server) SetPassword(ctx context.Context, username, password string) error {
	if username == localName {
		return badInput("the built-in user %s cannot have a password", localName)
	}
	if err := checkPassword(password); err != nil {
		return err
	}
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return err
	}
	return s.users.setPassword(ctx, username, hash)
}

// list reads all accounts with the number and size of their chunks.
func (s *userStore) list(ctx context.Context) (users []User, err error) {
	rows, err := s.db.read.QueryContext(ctx, `SELECT u.id, u.username, coalesce(u.email, ''), u.created_at, u.disabled,
			u.builtin, count(c.seq), coalesce(sum(c.size), 0)
		FROM users u LEFT JOIN chunks c ON c.user_id = u.id GROUP BY u.id ORDER BY u.username`)
	if err != nil {
		return nil, err
	}
	defer func() { err = both(err, rows.Close()) }()
	users = []User{} // an empty list must not become null
	for rows.Next() {
		var u User
		var created string
		if err := rows.Scan(&u.ID, &u.Username, &u.Email, &created, &u.Disabled, &u.BuiltIn, &u.Chunks, &u.Bytes); err != nil {
			return nil, err
		}
		if u.CreatedAt, err = time.Parse(timestampLayout, created); err != nil {
			return nil, err
		}
		users = append(users, u)
	}
	return users, rows.Err()
}

func (s *userStore) setDisabled(ctx context.Context, name string, disabled bool) error {
	return s.db.update(ctx, func(tx *sql.Tx) error {
		return changeUser(ctx, tx, name, "UPDATE users SET disabled = ? WHERE username = ?", disabled, name)
	})
}

// setPassword changes the hash and voids all that was issued under the old one.
func (s *userStore) setPassword(ctx context.Context, name, hash string) error {
	return s.db.update(ctx, func(tx *sql.Tx) error {
		err := changeUser(ctx, tx, name, "UPDATE users SET password_hash = ?, token_tag = ? WHERE username = ?",
			hash, rand.Text(), name)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM api_keys WHERE user_id = (SELECT id FROM users WHERE username = ?)", name)
		return err
	})
}

// changeUser runs a statement that changes the one user of this name, or gives ErrNoUser.
func changeUser(ctx context.Context, tx *sql.Tx, name, statement string, args ...any) error {
	changed, err := countChanges(tx.ExecContext(ctx, statement, args...))
	if err == nil && changed == 0 {
		return fmt.Errorf("%w: %q", ErrNoUser, name)
	}
	return err
}

// countChanges takes what an Exec gives.
func countChanges(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

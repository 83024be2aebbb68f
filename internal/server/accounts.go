package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/server/signin"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

// ErrBadInput says that no account can have what was given for it. The text of
// an error that wraps it says which part is meant, and never repeats a password.
var ErrBadInput = errors.New("bad input")

func badInput(format string, args ...any) error {
	return store.WithKind(ErrBadInput, fmt.Errorf(format, args...))
}

// User is an account as its administrator sees it. The JSON form is stable.
type User = store.UserUsage

// AddUser makes an account, under the rules of POST /auth/register and whether
// or not Options.NoRegister is set. Name and email must be free, else the error
// wraps ErrUserExists; what no account can have wraps ErrBadInput.
//
// AddUser and the methods below may be used while other processes serve the
// same directory: those see the change with their next request, or on a shared
// Options.Database within signin.StaleAfter.
func (s *Server) AddUser(ctx context.Context, username, email, password string) (User, error) {
	u, err := s.accounts.signUp(ctx, operator, username, email, password)
	if err != nil {
		return User{}, err
	}
	return User{ID: u.ID, Username: u.Name, Email: u.Email, CreatedAt: u.CreatedAt}, nil
}

// Users lists all accounts by name. Names and emails are what somebody typed
// in, of any script; since control characters are refused, they are safe to
// show, except for accounts of releases before that rule.
func (s *Server) Users(ctx context.Context) ([]User, error) {
	list, err := s.store.ListUsers(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the users: %w", err)
	}
	return append([]User{}, list...), nil // an empty list must not become null
}

// SetDisabled shuts an account out, or lets it in again. While it is disabled,
// its password, tokens and API key are refused; none of them is lost. Its
// chunks stay. The error wraps ErrNoUser where nobody has this name, and
// ErrBadInput for the built-in account.
func (s *Server) SetDisabled(ctx context.Context, username string, disabled bool) error {
	if username == store.LocalName {
		return badInput("the built-in user %s cannot be disabled or enabled", store.LocalName)
	}
	return s.store.SetDisabled(ctx, username, disabled)
}

// SetPassword gives an account a new password. Tokens issued before are refused
// from then on, and its API key is gone: whoever knew the old password is out.
// Errors are as for SetDisabled; a password that is too short or too long wraps
// ErrBadInput.
func (s *Server) SetPassword(ctx context.Context, username, password string) error {
	if username == store.LocalName {
		return badInput("the built-in user %s cannot have a password", store.LocalName)
	}
	if err := checkPassword(password); err != nil {
		return err
	}
	hash, err := s.accounts.passwords.Hash(ctx, operator, password)
	if err != nil {
		return err
	}
	return s.store.SetPassword(ctx, username, hash)
}

// Sizes in bytes of what people sign up with.
const (
	maxNameBytes     = 255
	minPasswordBytes = 8
	maxPasswordBytes = 1024
)

// accounts are the users, and the rules for new ones.
type accounts struct {
	store     store.Users
	passwords *signin.Passwords
}

// operator is who works on the machine itself, for turns.
const operator = "operator"

// signUp makes an account if its parts are fit for one. The client waits for its turn.
func (a *accounts) signUp(ctx context.Context, client, username, email, password string) (store.User, error) {
	if username == "" || email == "" || password == "" {
		return store.User{}, badInput("username, email, and password are required")
	}
	err := cmp.Or(checkPassword(password), checkName("username", username), checkName("email", email))
	if err != nil {
		return store.User{}, err
	}
	hash, err := a.passwords.Hash(ctx, client, password)
	if err != nil {
		return store.User{}, err
	}
	return a.store.CreateUser(ctx, username, email, hash)
}

// checkName refuses what neither a user name nor an email may be: one with
// control characters could forge lines on an administrator's terminal.
func checkName(what, text string) error {
	if err := checkText(what, text, maxNameBytes); err != nil {
		return err
	}
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }) {
		return badInput("%s must not contain control characters", what)
	}
	return nil
}

func checkPassword(password string) error {
	if len(password) < minPasswordBytes {
		return badInput("password must be at least %d characters", minPasswordBytes)
	}
	return checkText("password", password, maxPasswordBytes)
}

// checkText refuses what no account can have. It does not repeat the text.
func checkText(what, text string, limit int) error {
	switch {
	case len(text) > limit:
		return badInput("%s must be at most %d bytes", what, limit)
	case strings.ContainsRune(text, 0):
		return badInput("%s must not contain a NUL character", what)
	case !utf8.ValidString(text):
		return badInput("%s is not valid UTF-8", what)
	}
	return nil
}

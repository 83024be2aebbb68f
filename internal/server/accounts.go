package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"
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
	u, err := s.accounts.signUp(ctx, operator, signUp{name: username, email: email, password: password})
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

// Invite gives a code that lets one person register within a time, also where Options.NoRegister is set.
func (s *Server) Invite(ctx context.Context, within time.Duration) (code string, until time.Time, err error) {
	code, until = rand.Text(), s.now().Add(within)
	return code, until, s.store.Invite(ctx, signin.KeyHash(code), until)
}

// SetQuota says how many bytes of chunks and mutations an account may keep; 0: any number, negative: as
// many as Options.Quota says. What is there stays. Errors are as for SetDisabled.
func (s *Server) SetQuota(ctx context.Context, username string, bytes int64) error {
	return s.store.SetQuota(ctx, username, bytes)
}

// DeleteUser removes an account, with its chunks and its journal. Errors are as for SetDisabled.
func (s *Server) DeleteUser(ctx context.Context, username string) error {
	if username == store.LocalName {
		return badInput("the built-in user %s cannot be deleted", store.LocalName)
	}
	u, unknown := s.store.UserByLogin(ctx, username)
	err := s.store.DeleteUser(ctx, username)
	if err == nil && unknown == nil { // else the next sweep does
		s.reading.Drop(ctx, u.ID) // and nothing more: other processes have the rest open
	}
	return err
}

// Session is one of an account, as its administrator sees it. The JSON form is stable.
type Session = store.Session

// Sessions gives those of an account whose tokens are good, and its API key. The error wraps ErrNoUser where nobody has this name.
func (s *Server) Sessions(ctx context.Context, username string) ([]Session, error) {
	list, err := s.store.Sessions(ctx, username)
	return append([]Session{}, list...), err // an empty list must not become null
}

// SignOut lets no token and no API key of an account count any more; its password stays good. Errors are as for SetDisabled.
func (s *Server) SignOut(ctx context.Context, username string) error {
	return s.store.SignOut(ctx, username)
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

// signUp is what somebody gives who wants an account.
type signUp struct{ name, email, password, invitation string }

// signUp makes an account if its parts are fit for one. The client waits for its turn.
func (a *accounts) signUp(ctx context.Context, client string, with signUp) (store.User, error) {
	if with.name == "" || with.email == "" || with.password == "" {
		return store.User{}, badInput("username, email, and password are required")
	}
	err := cmp.Or(checkPassword(with.password), checkName("username", with.name), checkName("email", with.email))
	if err != nil {
		return store.User{}, err
	}
	hash, err := a.passwords.Hash(ctx, client, with.password)
	if err != nil {
		return store.User{}, err
	}
	if with.invitation != "" {
		return a.store.CreateInvited(ctx, signin.KeyHash(with.invitation), with.name, with.email, hash)
	}
	return a.store.CreateUser(ctx, with.name, with.email, hash)
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

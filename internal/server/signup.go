package server

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Sizes in bytes of what people sign up with.
const (
	maxNameBytes     = 255
	minPasswordBytes = 8
	maxPasswordBytes = 1024
)

// signUp makes an account if its parts are fit for one.
func (s *Server) signUp(ctx context.Context, username, email, password string, at time.Time) (user, error) {
	if username == "" || email == "" || password == "" {
		return user{}, badInput("username, email, and password are required")
	}
	if err := checkPassword(password); err != nil {
		return user{}, err
	}
	if err := checkName("username", username); err != nil {
		return user{}, err
	}
	if err := checkName("email", email); err != nil {
		return user{}, err
	}
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return user{}, err
	}
	return s.users.create(ctx, username, email, hash, at)
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

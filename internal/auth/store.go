// Package auth finds and keeps the credentials for a remote: in the environment,
// from a command, in the OS keyring, or in a file if the user chose that. Commands
// use it to log in and to connect; it never talks to a server.
package auth

import (
	"context"
	"errors"
)

// Why there are no credentials. The errors of a Store wrap one of these.
var (
	// ErrNotFound: nobody is logged in.
	ErrNotFound = errors.New("not logged in")
	// ErrLocked: the keyring is there, and does not open.
	ErrLocked = errors.New("the keyring is locked")
	// ErrNoKeyring: there is no keyring here.
	ErrNoKeyring = errors.New("there is no keyring here")
	// ErrTooBig: the keyring does not take so long a token.
	ErrTooBig = errors.New("the token is too long for the keyring")
)

// Key names the credentials of one account at one server. Two accounts on one
// server, or two servers under path prefixes of one host, have different keys.
type Key struct {
	BaseURL string `json:"base_url"` // normalised
	Account string `json:"account"`
}

// Credentials are the secrets of one account. Refresh is "" for API keys and
// for tokens that were handed over ready; Access is "" where only the refresh
// token could be kept. The members are named for the file, which alone has them.
type Credentials struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token,omitempty"`
}

// String keeps the secrets out of logs and errors.
func (Credentials) String() string { return "credentials" }

// GoString is String for %#v.
func (c Credentials) GoString() string { return c.String() }

// Store keeps credentials between runs. It is safe for concurrent use.
type Store interface {
	// Name is what to call it: StoreKeyring or StoreFile.
	Name() string
	// Get gives an error that wraps ErrNotFound where there are none.
	Get(ctx context.Context, key Key) (Credentials, error)
	// Set replaces what was there. A failure leaves the old credentials, none, or
	// some of either, but never a mix of two logins.
	Set(ctx context.Context, key Key, c Credentials) error
	// Delete is nil where there was nothing.
	Delete(ctx context.Context, key Key) error
}

// Names of the stores, as the setting credential_store has them.
const (
	StoreKeyring = "keyring"
	StoreFile    = "file"
)

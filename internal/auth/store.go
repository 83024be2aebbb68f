// Package auth finds and keeps the credentials for a remote: in the environment,
// from a command, in the OS keyring, or in a file if the user chose that. Commands
// use it to log in and to connect; it never talks to a server.
package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/filelock"
	"github.com/engram-sync/engram-sync/internal/secret"
	"github.com/engram-sync/engram-sync/internal/sharing"
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

func (c Credentials) GoString() string { return c.String() }

// learn keeps them out of everything that is said from now on.
func (c Credentials) learn() { secret.Add(c.Access, c.Refresh) }

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

// File keeps credentials in one file that only the user can read. The tokens
// are plain text in it, so it is used only where the user chose it.
type File struct{ file jsonFile[fileContent] }

// NewFile keeps credentials in credentials.json in dir, the state directory.
func NewFile(dir string) *File {
	return &File{jsonFile[fileContent]{path: filepath.Join(dir, "credentials.json"), what: "the credentials"}}
}

type fileContent struct {
	Accounts []fileAccount `json:"accounts"`
}

type fileAccount struct {
	Key
	Credentials
}

func (f *File) Name() string { return StoreFile }

func (f *File) Path() string { return f.file.path }

// Get implements Store. A file that others can read is refused.
func (f *File) Get(_ context.Context, key Key) (Credentials, error) {
	if err := f.checkMode(); err != nil {
		return Credentials{}, err
	}
	content, err := f.file.read()
	if err != nil {
		return Credentials{}, err
	}
	for _, a := range content.Accounts {
		if a.Key == key {
			return a.Credentials, nil
		}
	}
	return Credentials{}, ErrNotFound
}

func (f *File) checkMode() error {
	info, err := os.Stat(f.file.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the credentials: %w", err)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return fmt.Errorf("read the credentials: %s can be read by others (mode %#o): chmod 600 it", f.file.path, mode)
	}
	return nil
}

func (f *File) Set(_ context.Context, key Key, c Credentials) error {
	return f.file.change(func(content *fileContent) {
		content.remove(key)
		content.Accounts = append(content.Accounts, fileAccount{key, c})
	})
}

func (f *File) Delete(_ context.Context, key Key) error {
	return f.file.change(func(content *fileContent) { content.remove(key) })
}

func (c *fileContent) remove(key Key) {
	c.Accounts = slices.DeleteFunc(c.Accounts, func(a fileAccount) bool { return a.Key == key })
}

// jsonFile is a small file of our own, which one process at a time changes. It
// is readable by the user alone. A missing one is the zero value of T.
type jsonFile[T any] struct {
	path string
	what string // to call it by in errors
}

func (f jsonFile[T]) read() (T, error) {
	var content, none T
	text, err := sharing.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return none, nil
	}
	if err != nil {
		return none, fmt.Errorf("read %s: %w", f.what, err)
	}
	if json.Unmarshal(text, &content) != nil {
		// The decoder's own text could quote a token.
		return none, fmt.Errorf("read %s: %s is not what engram-sync wrote: remove it, and log in again", f.what, f.path)
	}
	return content, nil
}

// lockIn locks a file, for which it makes the directory.
func lockIn(ctx context.Context, path string) (unlock func() error, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return filelock.Lock(ctx, path)
}

// change rewrites the file while no other process does.
func (f jsonFile[T]) change(edit func(*T)) (err error) {
	unlock, err := lockIn(context.Background(), f.path+".lock") // nobody holds it for long
	if err != nil {
		return fmt.Errorf("write %s: %w", f.what, err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	content, err := f.read()
	if err != nil {
		return err
	}
	edit(&content)
	text, err := json.MarshalIndent(content, "", "  ")
	if err == nil {
		err = atomicfile.Write(f.path, text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.what, err)
	}
	return nil
}

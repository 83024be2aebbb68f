package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/safetext"
)

// keyringService is the name under which all our items stand.
const keyringService = "engram-sync"

// KeyringWait is how long a keyring may take to answer: one that waits for
// a prompt which nobody sees would take for ever.
const KeyringWait = 3 * time.Second

// backend is the part of the OS keyring that is used. The real one is in
// go-keyring; it has no contexts, and can block.
type backend interface {
	Get(service, user string) (string, error)
	Set(service, user, secret string) error
	Delete(service, user string) error
}

// Keyring keeps credentials in the OS keyring, the access and the refresh token
// as two items: Windows takes at most 2,560 bytes in one.
type Keyring struct {
	backend backend
	reach   func() error
	wait    time.Duration
}

// NewKeyring gives the OS keyring. getenv reads the environment; wait bounds
// every answer.
func NewKeyring(getenv func(string) string, wait time.Duration) *Keyring {
	return &Keyring{backend: osKeyring{}, reach: func() error { return reachable(getenv) }, wait: wait}
}

type osKeyring struct{}

func (osKeyring) Get(service, user string) (string, error) { return keyring.Get(service, user) }
func (osKeyring) Set(service, user, secret string) error   { return keyring.Set(service, user, secret) }
func (osKeyring) Delete(service, user string) error        { return keyring.Delete(service, user) }

func (k *Keyring) Name() string { return StoreKeyring }

// Get implements Store. Access is "" where a Set got no further than the refresh
// token: that is still good for a new one.
func (k *Keyring) Get(ctx context.Context, key Key) (Credentials, error) {
	access, err := k.get(ctx, item(key, "access"))
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Credentials{}, err
	}
	refresh, err := k.get(ctx, item(key, "refresh"))
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Credentials{}, err
	}
	if access == "" && refresh == "" {
		return Credentials{}, ErrNotFound
	}
	return Credentials{Access: access, Refresh: refresh}, nil
}

// Set implements Store. Two items can't be changed at once, so it goes in an
// order in which the two that are there belong to one login at any moment: a
// failure half-way leaves one of them alone, or the old login, never a mix.
func (k *Keyring) Set(ctx context.Context, key Key, c Credentials) error {
	if err := k.setRefresh(ctx, key, c.Refresh); err != nil {
		return err
	}
	return k.set(ctx, item(key, "access"), c.Access)
}

func (k *Keyring) setRefresh(ctx context.Context, key Key, refresh string) error {
	if refresh == "" {
		return k.remove(ctx, item(key, "refresh"))
	}
	old, err := k.get(ctx, item(key, "refresh"))
	if err == nil && old == refresh {
		return nil // the same login, with a new access token
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if err := k.remove(ctx, item(key, "access")); err != nil {
		return err
	}
	return k.set(ctx, item(key, "refresh"), refresh)
}

// Delete implements Store. The refresh token, which lasts longer, goes first.
func (k *Keyring) Delete(ctx context.Context, key Key) error {
	if err := k.remove(ctx, item(key, "refresh")); err != nil {
		return err
	}
	return k.remove(ctx, item(key, "access"))
}

// item is the name of one item. A blank stands in no URL.
func item(key Key, what string) string {
	return key.BaseURL + " " + key.Account + " " + what
}

func (k *Keyring) get(ctx context.Context, user string) (string, error) {
	return k.bounded(ctx, func() (string, error) { return k.backend.Get(keyringService, user) })
}

// set reads back what it has written: the tool of macOS is told by lines of at most 4 KiB,
// and exits with 0 whatever becomes of one.
func (k *Keyring) set(ctx context.Context, user, secret string) error {
	_, err := k.bounded(ctx, func() (string, error) { return "", k.backend.Set(keyringService, user, secret) })
	if err != nil {
		return err
	}
	kept, err := k.get(ctx, user)
	if err == nil && kept == secret {
		return nil
	}
	err = cmp.Or(err, errors.New("it holds something else"))
	return errors.Join(fmt.Errorf("%w: what was written does not come back (%w)", ErrNoKeyring, err), k.remove(ctx, user))
}

func (k *Keyring) remove(ctx context.Context, user string) error {
	_, err := k.bounded(ctx, func() (string, error) { return "", k.backend.Delete(keyringService, user) })
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// bounded asks the backend, and does not wait longer than allowed: the call
// itself cannot be ended, so its goroutine is left behind.
func (k *Keyring) bounded(ctx context.Context, ask func() (string, error)) (string, error) {
	if err := k.reach(); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, k.wait, fmt.Errorf("%w: it did not answer within %s", ErrLocked, k.wait))
	defer cancel()
	return cancellable.Do(ctx, func() (string, error) {
		secret, err := ask()
		return secret, classify(err)
	})
}

// classify sorts what backends say. They have no common types: on Linux it is
// the text of an error from D-Bus or of the library itself, on macOS the exit
// status of the system's own tool.
func classify(err error) error {
	if err == nil {
		return nil
	}
	text := safetext.Line(err.Error(), maxWords)
	switch {
	case errors.Is(err, keyring.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, keyring.ErrSetDataTooBig):
		return ErrTooBig
	case lockedText().MatchString(text):
		return fmt.Errorf("%w (%s)", ErrLocked, text)
	}
	return fmt.Errorf("%w (%s)", ErrNoKeyring, text)
}

// lockedText finds what the Secret Service says of locked collections, items and
// dismissed prompts, and three statuses of macOS: interaction is not allowed
// (36), the password was wrong (51), the user said no (128).
var lockedText = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(unlock|locked|IsLocked|dismissed)\b|interaction is not allowed|^exit status (36|51|128)$`)
})

// maxWords is how much of a stranger's words an error repeats, in characters.
const maxWords = 225

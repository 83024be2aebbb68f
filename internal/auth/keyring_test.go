package auth_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/engram-sync/engram-sync/internal/auth"
)

func TestAKeyringKeepsTwoItems(t *testing.T) {
	b := newBackend()
	key := auth.Key{BaseURL: server, Account: "ana"}
	put(t, b.keyring(), key, auth.Credentials{Access: "a", Refresh: "r"})
	if len(b.items) != 2 {
		t.Errorf("items: %v", b.items)
	}
	wantStored(t, b.keyring(), key, auth.Credentials{Access: "a", Refresh: "r"})
	put(t, b.keyring(), key, auth.Credentials{Access: "key"}) // an API key: the refresh token goes
	wantStored(t, b.keyring(), key, auth.Credentials{Access: "key"})
	for range 2 { // there is nothing the second time, which is fine
		if err := b.keyring().Delete(t.Context(), key); err != nil {
			t.Error(err)
		}
	}
	if _, err := b.keyring().Get(t.Context(), key); !errors.Is(err, auth.ErrNotFound) || len(b.items) != 0 {
		t.Errorf("after the deletion: %v, %v", err, b.items)
	}
}

// An access token is renewed often: that changes one item, which can't fail half-way.
func TestARenewedAccessTokenIsOneWrite(t *testing.T) {
	b := newBackend()
	key := auth.Key{BaseURL: server, Account: "ana"}
	put(t, b.keyring(), key, auth.Credentials{Access: "a", Refresh: "r"})
	b.ops = nil
	put(t, b.keyring(), key, auth.Credentials{Access: "b", Refresh: "r"})
	writes := 0
	for _, op := range b.ops {
		if !strings.HasPrefix(op, "get ") {
			writes++
		}
	}
	if writes != 1 {
		t.Errorf("calls: %q", b.ops)
	}
}

// What a keyring has not kept as it was is no login, and nothing of it stays.
func TestASecretThatIsNotKeptIsAFailure(t *testing.T) {
	b := newBackend()
	b.cut = 100
	key := auth.Key{BaseURL: server, Account: "ana"}
	put(t, b.keyring(), key, auth.Credentials{Access: strings.Repeat("a", 100)})
	err := b.keyring().Set(t.Context(), key, auth.Credentials{Access: strings.Repeat("b", 101)})
	if !errors.Is(err, auth.ErrNoKeyring) || strings.Contains(err.Error(), "bbb") || len(b.items) != 0 {
		t.Errorf("%v; items: %d", err, len(b.items))
	}
}

// Different accounts and servers have different items, whatever they are called.
func TestLoginsDoNotMix(t *testing.T) {
	keys := []auth.Key{
		{BaseURL: server, Account: "ana"},
		{BaseURL: server, Account: "bob"},
		{BaseURL: server, Account: "ana access"},
		{BaseURL: server, Account: ""},
		{BaseURL: server + "/team", Account: "ana"},
		{BaseURL: server + "/team/access", Account: "ana"},
		{BaseURL: server + ":8443", Account: "ana"},
		{BaseURL: "http://engram.example.com", Account: "ana"},
	}
	for _, store := range []auth.Store{newBackend().keyring(), auth.NewFile(t.TempDir())} {
		for i, key := range keys {
			put(t, store, key, auth.Credentials{Access: fmt.Sprint("access", i), Refresh: fmt.Sprint("refresh", i)})
		}
		for i, key := range keys {
			wantStored(t, store, key, auth.Credentials{Access: fmt.Sprint("access", i), Refresh: fmt.Sprint("refresh", i)})
		}
		if err := store.Delete(t.Context(), keys[0]); err != nil {
			t.Fatal(err)
		}
		for i, key := range keys[1:] {
			wantStored(t, store, key, auth.Credentials{Access: fmt.Sprint("access", i+1), Refresh: fmt.Sprint("refresh", i+1)})
		}
	}
}

// Wherever a Set fails, what is there afterwards belongs to one login: the old
// one or the new one, whole or in part, and never an access token of the one
// with a refresh token of the other.
func TestSetNeverMixesTwoLogins(t *testing.T) {
	old := auth.Credentials{Access: "access-old", Refresh: "refresh-old"}
	broken := errors.New("broken")
	for name, c := range map[string]auth.Credentials{
		"another login":   {Access: "access-new", Refresh: "refresh-new"},
		"an API key":      {Access: "access-new"},
		"a renewed token": {Access: "access-new", Refresh: "refresh-old"},
	} {
		for at := 0; ; at++ {
			b := newBackend()
			key := auth.Key{BaseURL: server, Account: "ana"}
			put(t, b.keyring(), key, old)
			b.ops = nil
			b.fail = func(call int, _, _ string) error {
				if call >= at {
					return broken
				}
				return nil
			}
			err := b.keyring().Set(t.Context(), key, c)
			b.fail = nil
			if err == nil {
				if at < 2 {
					t.Errorf("%s: it took only %d calls", name, at)
				}
				wantStored(t, b.keyring(), key, c)
				break
			}
			got, err := b.keyring().Get(t.Context(), key)
			if err != nil {
				t.Errorf("%s, call %d: everything is gone: %v", name, at, err)
			}
			fits := func(c auth.Credentials) bool {
				return (got.Access == "" || got.Access == c.Access) && (got.Refresh == "" || got.Refresh == c.Refresh)
			}
			if !fits(old) && !fits(c) {
				t.Errorf("%s, call %d: a mix of access %q and refresh %q", name, at, got.Access, got.Refresh)
			}
		}
	}
}

// A login is still good for something if only its refresh token could be kept.
func TestARefreshTokenAloneIsALogin(t *testing.T) {
	b := newBackend()
	b.fail = func(_ int, op, item string) error {
		if op == "set" && strings.HasSuffix(item, "access") {
			return keyring.ErrSetDataTooBig
		}
		return nil
	}
	key := auth.Key{BaseURL: server, Account: "ana"}
	err := b.keyring().Set(t.Context(), key, auth.Credentials{Access: "much", Refresh: "r"})
	if !errors.Is(err, auth.ErrTooBig) {
		t.Errorf("got %v", err)
	}
	wantStored(t, b.keyring(), key, auth.Credentials{Refresh: "r"})
}

// What keyrings say, and what it means. The texts are those of go-keyring, of
// the Secret Service over D-Bus, and of macOS's tool.
func TestWhatKeyringsSay(t *testing.T) {
	for text, want := range map[string]error{
		"failed to unlock correct collection '/org/freedesktop/secrets/collection/login'":            auth.ErrLocked,
		"failed to unlock correct collection '/org/freedesktop/secrets/aliases/default'":             auth.ErrLocked,
		"Cannot create an item in a locked collection":                                               auth.ErrLocked,
		"Cannot get secret of a locked object":                                                       auth.ErrLocked,
		"org.freedesktop.Secret.Error.IsLocked":                                                      auth.ErrLocked,
		"Prompt was dismissed":                                                                       auth.ErrLocked,
		"exit status 36":                                                                             auth.ErrLocked,
		"exit status 51":                                                                             auth.ErrLocked,
		"exit status 1":                                                                              auth.ErrNoKeyring,
		"exit status 136":                                                                            auth.ErrNoKeyring,
		"The name org.freedesktop.secrets was not provided by any .service files":                    auth.ErrNoKeyring,
		"dial unix /run/user/1000/bus: connect: no such file or directory":                           auth.ErrNoKeyring,
		"dial unix /run/user/1000/bus: connect: permission denied":                                   auth.ErrNoKeyring,
		"Object does not exist at path “/org/freedesktop/secrets/collection/login”":                  auth.ErrNoKeyring,
		"dbus: couldn't determine address of session bus":                                            auth.ErrNoKeyring,
		"resource deadlock avoided":                                                                  auth.ErrNoKeyring,
		"unsupported platform: freebsd":                                                              auth.ErrNoKeyring,
		"The specified item could not be found in the keyring, said \x1b[31m one\r\nwith\u202e more": auth.ErrNoKeyring,
		strings.Repeat("é", 5000):                                                                    auth.ErrNoKeyring,
	} {
		wantClass(t, errors.New(text), want)
	}
	wantClass(t, keyring.ErrNotFound, auth.ErrNotFound)
	wantClass(t, fmt.Errorf("get: %w", keyring.ErrNotFound), auth.ErrNotFound)
	wantClass(t, keyring.ErrSetDataTooBig, auth.ErrTooBig)
	wantClass(t, keyring.ErrUnsupportedPlatform, auth.ErrNoKeyring)
}

// wantClass checks what becomes of an error of the backend, in each operation.
func wantClass(t *testing.T, cause, want error) {
	t.Helper()
	b := newBackend()
	b.fail = func(int, string, string) error { return cause }
	key := auth.Key{BaseURL: server, Account: "ana"}
	_, getErr := b.keyring().Get(t.Context(), key)
	errs := map[string]error{
		"get":    getErr,
		"set":    b.keyring().Set(t.Context(), key, auth.Credentials{Access: "hunter2-a", Refresh: "hunter2-r"}),
		"delete": b.keyring().Delete(t.Context(), key),
	}
	if errors.Is(want, auth.ErrNotFound) {
		delete(errs, "delete")
	}
	for op, err := range errs {
		for _, class := range []error{auth.ErrNotFound, auth.ErrLocked, auth.ErrNoKeyring, auth.ErrTooBig} {
			if errors.Is(err, class) != errors.Is(want, class) {
				t.Errorf("%s: %q became %v, want %v", op, cause, err, want)
			}
		}
		if text := fmt.Sprint(err); strings.Contains(text, "hunter2") || strings.ContainsAny(text, "\n\r\x1b\u202e") || len(text) > 500 {
			t.Errorf("%s: not fit to print: %q", op, text)
		}
	}
}

// blocked is a keyring that waits for a prompt which nobody sees.
type blocked struct{ end chan struct{} }

func (b blocked) Get(string, string) (string, error) { <-b.end; return "", keyring.ErrNotFound }
func (b blocked) Set(string, string, string) error   { <-b.end; return nil }
func (b blocked) Delete(string, string) error        { <-b.end; return nil }

func TestAKeyringThatBlocksIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		defer close(end) // the calls themselves can't be ended: they go with the process
		k := auth.NewKeyringOn(blocked{end}, auth.KeyringWait)
		key := auth.Key{BaseURL: server, Account: "ana"}
		for op, call := range map[string]func(context.Context) error{
			"get":       func(ctx context.Context) error { return second(k.Get(ctx, key)) },
			"set":       func(ctx context.Context) error { return k.Set(ctx, key, auth.Credentials{Access: "a", Refresh: "r"}) },
			"set a key": func(ctx context.Context) error { return k.Set(ctx, key, auth.Credentials{Access: "a"}) },
			"delete":    func(ctx context.Context) error { return k.Delete(ctx, key) },
		} {
			began := time.Now()
			if err := call(t.Context()); !errors.Is(err, auth.ErrLocked) || time.Since(began) != auth.KeyringWait {
				t.Errorf("%s: %v after %s", op, err, time.Since(began))
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			began = time.Now()
			if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
				t.Errorf("%s, cancelled: %v after %s", op, err, time.Since(began))
			}
			cancel()
		}
	})
}

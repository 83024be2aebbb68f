package auth_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zalando/go-keyring"

	"github.com/engram-sync/engram-sync/internal/auth"
)

// server is the base URL of the logins in tests.
const server = "https://engram.example.com"

// backend is a keyring in memory that fails when it is told to.
type backend struct {
	mu    sync.Mutex
	items map[string]string
	// fail is asked before each call; nil for a keyring that always works.
	fail func(call int, op, item string) error
	ops  []string
	cut  int // of a secret it keeps so many bytes, and says nothing; 0 for all
}

func newBackend() *backend { return &backend{items: map[string]string{}} }

// enter notes a call, and says whether it fails. The caller holds the lock.
func (b *backend) enter(op, service, user string) error {
	b.ops = append(b.ops, op+" "+user)
	if b.fail != nil {
		return b.fail(len(b.ops)-1, op, service+" "+user)
	}
	return nil
}

func (b *backend) Get(service, user string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.enter("get", service, user); err != nil {
		return "", err
	}
	secret, ok := b.items[service+" "+user]
	if !ok {
		return "", keyring.ErrNotFound
	}
	return secret, nil
}

func (b *backend) Set(service, user, secret string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.enter("set", service, user); err != nil {
		return err
	}
	if b.cut > 0 {
		secret = secret[:min(b.cut, len(secret))]
	}
	b.items[service+" "+user] = secret
	return nil
}

func (b *backend) Delete(service, user string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.enter("delete", service, user); err != nil {
		return err
	}
	if _, ok := b.items[service+" "+user]; !ok {
		return keyring.ErrNotFound
	}
	delete(b.items, service+" "+user)
	return nil
}

// keyring is the store on the backend.
func (b *backend) keyring() *auth.Keyring { return auth.NewKeyringOn(b, time.Minute) }

// put stores credentials, which has to work.
func put(t *testing.T, store auth.Store, key auth.Key, c auth.Credentials) {
	t.Helper()
	if err := store.Set(t.Context(), key, c); err != nil {
		t.Fatal(err)
	}
}

// wantStored fails the test unless the store holds these credentials.
func wantStored(t *testing.T, store auth.Store, key auth.Key, want auth.Credentials) {
	t.Helper()
	got, err := store.Get(context.WithoutCancel(t.Context()), key)
	if err != nil {
		t.Errorf("get: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

// wantTokens fails the test unless these tokens are those of the current login.
func wantTokens(t *testing.T, logins auth.Logins, baseURL string, want auth.Credentials) {
	t.Helper()
	login, err := logins.Current(t.Context(), baseURL)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, login.Tokens()); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
}

func second[T any](_ T, err error) error { return err }

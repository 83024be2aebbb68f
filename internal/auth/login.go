package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// Logins are the accounts that are logged in on this machine: the list of them,
// and the stores that their secrets are in. It is safe for concurrent use.
type Logins struct {
	dir      string
	accounts *accounts
	stores   map[string]Store
}

// NewLogins keeps logins in dir, the state directory, and their secrets in the
// given stores.
func NewLogins(dir string, stores ...Store) Logins {
	l := Logins{dir: dir, accounts: newAccounts(dir), stores: map[string]Store{}}
	for _, s := range stores {
		l.stores[s.Name()] = s
	}
	return l
}

// Current gives the login that is used for a server. The error wraps
// ErrNotFound if there is none, or says what is wrong with the store.
func (l Logins) Current(ctx context.Context, baseURL string) (*Login, error) {
	if l.accounts == nil {
		return nil, ErrNotFound
	}
	account, err := l.accounts.Current(baseURL)
	if err != nil {
		return nil, err
	}
	store, err := l.store(account.Store)
	if err != nil {
		return nil, err
	}
	tokens, err := store.Get(ctx, account.Key())
	if err != nil {
		return nil, fmt.Errorf("account %.80q: %w", account.Name, err)
	}
	tokens.learn()
	return &Login{Account: account, logins: l, store: store, tokens: tokens}, nil
}

// Check says whether secrets could be kept in a store, before any are asked for.
func (l Logins) Check(ctx context.Context, storeName string) error {
	store, err := l.store(storeName)
	if err != nil {
		return err
	}
	if _, err = store.Get(ctx, Key{BaseURL: "https://check.invalid", Account: "check"}); errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// Add keeps a login, and makes it the one that is used for its server. The
// secrets are stored first: a name without secrets would be no login. A copy of
// the account that is in another store is removed there.
func (l Logins) Add(ctx context.Context, account Account, tokens Credentials) (err error) {
	tokens.learn()
	store, err := l.store(account.Store)
	if err != nil {
		return err
	}
	release, err := l.lock(ctx, account.Key())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	old, err := l.accounts.find(account.Key())
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	known := err == nil
	if err = store.Set(ctx, account.Key(), tokens); err != nil {
		err = fmt.Errorf("keep the token: %w", err)
	} else {
		err = l.accounts.Put(account)
	}
	switch {
	case err != nil && !known: // secrets that no list names would stay for ever
		_ = store.Delete(context.WithoutCancel(ctx), account.Key()) // the first error is the one to report
	case err == nil && known && old.Store != account.Store:
		err = l.dropCopy(ctx, old)
	}
	return err
}

// dropCopy removes secrets from a store that is not used any more. A file in
// plain text has to go; what lies in a keyring that does not open is safe there,
// and often the reason for the change.
func (l Logins) dropCopy(ctx context.Context, old Account) error {
	store, ok := l.stores[old.Store]
	if !ok {
		return nil
	}
	if err := store.Delete(ctx, old.Key()); err != nil && old.Store == StoreFile {
		return fmt.Errorf("remove the plain text copy of the token: %w", err)
	}
	return nil
}

// Remove forgets the login that is current for a server, and gives it. Only
// this machine forgets it: tokens stay good at the server.
func (l Logins) Remove(ctx context.Context, baseURL string) (account Account, err error) {
	account, err = l.accounts.Current(baseURL)
	if err != nil {
		return Account{}, err
	}
	store, err := l.store(account.Store)
	if err != nil {
		return Account{}, err
	}
	release, err := l.lock(ctx, account.Key())
	if err != nil {
		return Account{}, err
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := store.Delete(ctx, account.Key()); err != nil {
		return Account{}, fmt.Errorf("remove the token: %w", err)
	}
	return account, l.accounts.Remove(account.Key())
}

func (l Logins) store(name string) (Store, error) {
	store, ok := l.stores[name]
	if !ok {
		return nil, fmt.Errorf("%w: its tokens are in a store that this engram-sync does not know (%.40q)", ErrNotFound, name)
	}
	return store, nil
}

// Login is one account with its tokens.
type Login struct {
	Account

	logins Logins
	store  Store
	tokens Credentials
}

// Tokens are those that were read when the login was found.
func (l *Login) Tokens() Credentials { return l.tokens }

// lock keeps others, in this process and in all, from changing the secrets of
// one account: a refresh must not overwrite a login that was made meanwhile.
func (l Logins) lock(ctx context.Context, key Key) (release func() error, err error) {
	sum := sha256.Sum256([]byte(key.BaseURL + " " + key.Account))
	release, err = lockIn(ctx, filepath.Join(l.dir, "locks", "login-"+hex.EncodeToString(sum[:8])+".lock"))
	if err != nil {
		return nil, fmt.Errorf("lock the login: %w", err)
	}
	return release, nil
}

// Exclusive reads the tokens again, and keeps other processes from refreshing
// them until release is called: what one got is then read by the next.
func (l *Login) Exclusive(ctx context.Context) (tokens Credentials, release func() error, err error) {
	release, err = l.logins.lock(ctx, l.Key())
	if err != nil {
		return Credentials{}, nil, err
	}
	tokens, err = l.store.Get(ctx, l.Key())
	if err != nil {
		return Credentials{}, nil, errors.Join(fmt.Errorf("read the token again: %w", err), release())
	}
	tokens.learn()
	return tokens, release, nil
}

// Save stores refreshed tokens. The caller holds what Exclusive gave.
func (l *Login) Save(ctx context.Context, tokens Credentials) error {
	return l.store.Set(ctx, l.Key(), tokens)
}

// Account is what is known of a login besides its secrets.
type Account struct {
	BaseURL string `json:"base_url"` // normalised
	Name    string `json:"account"`  // the user name at the server, or a name for a ready token
	UserID  string `json:"user_id,omitempty"`
	// Store is where its secrets are: StoreKeyring or StoreFile.
	Store string `json:"store"`
	// Current marks the one that is used for its server.
	Current bool `json:"current"`
}

func (a Account) Key() Key { return Key{BaseURL: a.BaseURL, Account: a.Name} }

// accounts is the list of logins on this machine, in a file without secrets. A
// keyring can't be listed, so this says what to look for.
type accounts struct{ file jsonFile[accountList] }

type accountList struct {
	Accounts []Account `json:"accounts"`
}

// newAccounts keeps the list in accounts.json in dir, the state directory.
func newAccounts(dir string) *accounts {
	return &accounts{jsonFile[accountList]{path: filepath.Join(dir, "accounts.json"), what: "the list of logins"}}
}

// Current gives the login that is used for a server. The error is ErrNotFound
// if there is none.
func (l *accounts) Current(baseURL string) (Account, error) {
	return l.first(func(a Account) bool { return a.BaseURL == baseURL && a.Current })
}

// find gives a login by its name, current or not.
func (l *accounts) find(key Key) (Account, error) {
	return l.first(func(a Account) bool { return a.Key() == key })
}

func (l *accounts) first(wanted func(Account) bool) (Account, error) {
	list, err := l.file.read()
	if err != nil {
		return Account{}, err
	}
	if i := slices.IndexFunc(list.Accounts, wanted); i >= 0 {
		return list.Accounts[i], nil
	}
	return Account{}, ErrNotFound
}

// Put adds a login, or replaces the one of that name, and makes it current.
func (l *accounts) Put(account Account) error {
	account.Current = true
	return l.file.change(func(list *accountList) {
		for i := range list.Accounts {
			if list.Accounts[i].BaseURL == account.BaseURL {
				list.Accounts[i].Current = false
			}
		}
		list.remove(account.Key())
		list.Accounts = append(list.Accounts, account)
	})
}

// Remove forgets a login. If it was the current one, another of the same server
// does not take its place: which one is for the user to say.
func (l *accounts) Remove(key Key) error {
	return l.file.change(func(list *accountList) { list.remove(key) })
}

func (l *accountList) remove(key Key) {
	l.Accounts = slices.DeleteFunc(l.Accounts, func(a Account) bool { return a.Key() == key })
}

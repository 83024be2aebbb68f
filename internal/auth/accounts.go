package auth

import (
	"path/filepath"
	"slices"
)

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

// Key names the secrets of the account.
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
	i := slices.IndexFunc(list.Accounts, wanted)
	if i < 0 {
		return Account{}, ErrNotFound
	}
	return list.Accounts[i], nil
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

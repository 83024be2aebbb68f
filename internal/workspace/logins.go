package workspace

import (
	"time"

	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/state"
)

// Finder looks for the token of a server where the configuration says.
func (w *Workspace) Finder(base string) auth.Finder {
	return auth.Finder{
		Environ: w.Environ, EngramRemote: w.Config.Remote.FromEngramEnv, Command: w.Config.Remote.TokenCommand,
		BaseURL: base, Logins: w.Logins(),
	}
}

// Logins are the accounts on this machine, with all stores that their secrets
// can be in.
func (w *Workspace) Logins() auth.Logins {
	return auth.NewLogins(state.Dir(), auth.NewKeyring(w.Getenv, keyringWait(w)), w.CredentialFile())
}

// CredentialFile is where tokens are kept in plain text, for those who chose that.
func (w *Workspace) CredentialFile() *auth.File { return auth.NewFile(state.Dir()) }

// keyringWait is how long the keyring may take: on a desktop, where its prompt
// is seen, as long as it takes to type a password.
func keyringWait(w *Workspace) time.Duration {
	if w.term.Interactive() && (w.Getenv("DISPLAY") != "" || w.Getenv("WAYLAND_DISPLAY") != "") {
		return time.Minute
	}
	return auth.KeyringWait
}

package cli

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
)

// TestOneRefreshForAllProcesses starts several engram-sync at once on a login
// whose access token is no good any more: one of them exchanges the refresh
// token, and the others use what it got.
func TestOneRefreshForAllProcesses(t *testing.T) {
	t.Parallel()
	const processes = 6
	s := newWatchedServer(t)
	u := withFileStore(newUser(t, s.url, ""))
	u.tell(0, "a password", "auth", "register", "--username", "ana", "--email", "ana@example.com", "--password-stdin")
	store := credentialPath(u.getenv("XDG_STATE_HOME"))
	setAccess(t, store, "stale")

	var refreshed, refused atomic.Int64
	all := make(chan struct{})
	s.watch(func(r *http.Request) {
		switch {
		case r.URL.Path == "/auth/refresh":
			refreshed.Add(1)
		case r.Header.Get("Authorization") == "Bearer stale":
			if refused.Add(1) == processes {
				close(all)
			}
			select { // they are all told at the same time
			case <-all:
			case <-r.Context().Done():
			}
		}
	}, nil)
	commands := make([]*exec.Cmd, processes)
	for i := range commands {
		commands[i] = u.command("auth", "status", "--quiet")
		if err := commands[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, cmd := range commands {
		if err := cmd.Wait(); err != nil {
			t.Errorf("one of them failed: %v", err)
		}
	}
	if got := refreshed.Load(); got != 1 {
		t.Errorf("the refresh token was exchanged %d times, want once", got)
	}
}

// setAccess replaces the access token that is stored.
func setAccess(t *testing.T, store, token string) {
	t.Helper()
	stored, err := readCredentials(store)
	if err != nil {
		t.Fatal(err)
	}
	for _, account := range stored.Accounts {
		account["access_token"] = token
	}
	text, err := json.Marshal(stored)
	if err == nil {
		err = os.WriteFile(store, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

package auth_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/auth"
)

// A login lives and ends in the keyring of a real desktop. The keyring must be
// the test's own, since it ends up locked, so the test runs only where a script
// says that it is.
func TestRealKeyring(t *testing.T) {
	if os.Getenv("ENGRAM_SYNC_TEST_KEYRING") != "1" {
		t.Skip("to run it: ENGRAM_SYNC_TEST_KEYRING=1 .ci/with-keyring go test ./internal/auth -run RealKeyring -count=1")
	}
	dir := t.TempDir()
	// A new process sees the same keyring, and knows nothing of the one before.
	logins := func(wait time.Duration) auth.Logins {
		return auth.NewLogins(dir, auth.NewKeyring(os.Getenv, wait), auth.NewFile(dir))
	}
	const generous = 20 * time.Second // a cold machine

	ana := auth.Account{BaseURL: server, Name: "ana ✓ \"x\"", Store: auth.StoreKeyring}
	if err := logins(generous).Check(t.Context(), auth.StoreKeyring); err != nil {
		t.Fatalf("check: %v", err)
	}
	if err := logins(generous).Add(t.Context(), ana, auth.Credentials{Access: "access-1", Refresh: "refresh-1"}); err != nil {
		t.Fatalf("log in: %v", err)
	}
	wantTokens(t, logins(generous), server, auth.Credentials{Access: "access-1", Refresh: "refresh-1"})

	login, err := logins(generous).Current(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	_, release, err := login.Exclusive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(login.Save(t.Context(), auth.Credentials{Access: "access-2", Refresh: "refresh-2"}), release()); err != nil {
		t.Fatalf("keep a refreshed token: %v", err)
	}
	wantTokens(t, logins(generous), server, auth.Credentials{Access: "access-2", Refresh: "refresh-2"})

	if _, err := logins(generous).Remove(t.Context(), server); err != nil {
		t.Fatalf("log out: %v", err)
	}
	keyring := auth.NewKeyring(os.Getenv, generous)
	if _, err := keyring.Get(t.Context(), ana.Key()); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("after the logout: %v", err)
	}
	if err := keyring.Delete(t.Context(), ana.Key()); err != nil {
		t.Errorf("deleting nothing: %v", err)
	}

	if err := logins(generous).Add(t.Context(), ana, auth.Credentials{Access: "access-3"}); err != nil {
		t.Fatal(err)
	}
	lockKeyring(t)
	const wait = 5 * time.Second
	began := time.Now()
	for what, err := range map[string]error{
		"get":    second(logins(wait).Current(t.Context(), server)),
		"check":  logins(wait).Check(t.Context(), auth.StoreKeyring),
		"login":  logins(wait).Add(t.Context(), ana, auth.Credentials{Access: "access-4", Refresh: "refresh-4"}),
		"logout": second(logins(wait).Remove(t.Context(), server)),
	} {
		if !errors.Is(err, auth.ErrLocked) {
			t.Errorf("%s of a locked keyring: %v", what, err)
		}
		t.Logf("%s: %v", what, err)
	}
	if took := time.Since(began); took > 4*(wait+time.Second) {
		t.Errorf("four answers took %s", took)
	}
}

// lockKeyring locks the login keyring, as the lock screen of a desktop can. Nobody
// is there to be asked for its password.
func lockKeyring(t *testing.T) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.secrets",
		"/org/freedesktop/secrets", "org.freedesktop.Secret.Service.Lock",
		"array:objpath:/org/freedesktop/secrets/collection/login").CombinedOutput()
	if err != nil {
		t.Fatalf("lock the keyring: %v: %s", err, out)
	}
}

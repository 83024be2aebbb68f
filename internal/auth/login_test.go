package auth_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/auth"
)

// account is one at the tests' server, in the keyring.
func account(name string) auth.Account {
	return auth.Account{BaseURL: server, Name: name, UserID: "id of " + name, Store: auth.StoreKeyring}
}

// add logs in, which has to work.
func add(t *testing.T, logins auth.Logins, a auth.Account, c auth.Credentials) {
	t.Helper()
	if err := logins.Add(t.Context(), a, c); err != nil {
		t.Fatal(err)
	}
}

func TestTheLastLoginIsTheCurrentOne(t *testing.T) {
	b, dir := newBackend(), t.TempDir()
	logins := auth.NewLogins(dir, b.keyring())
	other := account("ana")
	other.BaseURL += "/team"
	add(t, logins, account("ana"), auth.Credentials{Access: "a"})
	add(t, logins, account("bob"), auth.Credentials{Access: "b"})
	add(t, logins, other, auth.Credentials{Access: "t"})
	wantTokens(t, logins, server, auth.Credentials{Access: "b"})
	wantTokens(t, logins, server+"/team", auth.Credentials{Access: "t"})
	add(t, logins, account("ana"), auth.Credentials{Access: "a2"})
	wantTokens(t, logins, server, auth.Credentials{Access: "a2"})

	gone, err := logins.Remove(t.Context(), server)
	want := account("ana")
	want.Current = true
	if diff := cmp.Diff(want, gone); err != nil || diff != "" {
		t.Errorf("logged out: %v (-want +got):\n%s", err, diff)
	}
	for what, err := range map[string]error{
		"current": second(logins.Current(t.Context(), server)), // not bob: which one is for the user to say
		"again":   second(logins.Remove(t.Context(), server)),
	} {
		if !errors.Is(err, auth.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	wantTokens(t, logins, server+"/team", auth.Credentials{Access: "t"})
	if len(b.items) != 2 { // bob's, and the team's
		t.Errorf("left in the keyring: %v", b.items)
	}
}

func TestTheListOfLoginsHoldsNoSecrets(t *testing.T) {
	dir := t.TempDir()
	add(t, auth.NewLogins(dir, newBackend().keyring()), account("ana"), auth.Credentials{Access: "hunter2", Refresh: "hunter2"})
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "hunter2") {
			t.Errorf("%s: %s", path, text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A first login that fails leaves no secrets that nobody knows of.
func TestAFailedLoginLeavesNothing(t *testing.T) {
	t.Run("the second item does not fit", func(t *testing.T) {
		b := newBackend()
		b.fail = func(_ int, op, item string) error {
			if op == "set" && strings.HasSuffix(item, "access") {
				return errors.New("disk full")
			}
			return nil
		}
		err := auth.NewLogins(t.TempDir(), b.keyring()).Add(t.Context(), account("ana"), auth.Credentials{Access: "a", Refresh: "r"})
		if !errors.Is(err, auth.ErrNoKeyring) || len(b.items) != 0 {
			t.Errorf("left: %v, %v", b.items, err)
		}
	})
	t.Run("the list can't be written", func(t *testing.T) {
		b, dir := newBackend(), t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "accounts.json.lock"), 0o700); err != nil {
			t.Fatal(err)
		}
		err := auth.NewLogins(dir, b.keyring()).Add(t.Context(), account("ana"), auth.Credentials{Access: "a", Refresh: "r"})
		if err == nil || len(b.items) != 0 {
			t.Errorf("left: %v, %v", b.items, err)
		}
	})
}

// Who moves from the file to the keyring leaves no plain text behind.
func TestAMoveToTheKeyringRemovesThePlainText(t *testing.T) {
	b, dir := newBackend(), t.TempDir()
	file := auth.NewFile(dir)
	logins := auth.NewLogins(dir, b.keyring(), file)
	inFile := account("ana")
	inFile.Store = auth.StoreFile
	add(t, logins, inFile, auth.Credentials{Access: "hunter2", Refresh: "hunter2"})
	add(t, logins, account("ana"), auth.Credentials{Access: "new", Refresh: "new"})
	if text, err := os.ReadFile(file.Path()); err != nil || strings.Contains(string(text), "hunter2") {
		t.Errorf("left in the file: %s, %v", text, err)
	}
	wantTokens(t, logins, server, auth.Credentials{Access: "new", Refresh: "new"})

	// And back, because the keyring does not open any more.
	b.fail = func(int, string, string) error { return errors.New("failed to unlock") }
	add(t, logins, inFile, auth.Credentials{Access: "newer"})
	wantTokens(t, logins, server, auth.Credentials{Access: "newer"})
}

// A locked keyring is an error that says so, and never looks like nobody being
// logged in. The name in it, which a server chose, is fit to print.
func TestALockedKeyringIsNoLogout(t *testing.T) {
	b, dir := newBackend(), t.TempDir()
	logins := auth.NewLogins(dir, b.keyring())
	add(t, logins, account("ana\x1b[31m\n"), auth.Credentials{Access: "a", Refresh: "r"})
	b.fail = func(int, string, string) error { return errors.New("failed to unlock") }
	source, err := auth.Finder{BaseURL: server, Logins: logins}.Find(t.Context())
	if !errors.Is(err, auth.ErrLocked) || errors.Is(err, auth.ErrNotFound) || source.From() != "" {
		t.Errorf("find: %v", err)
	}
	if err != nil && strings.ContainsAny(err.Error(), "\x1b\n") {
		t.Errorf("not fit to print: %q", err)
	}
	if err := logins.Check(t.Context(), auth.StoreKeyring); !errors.Is(err, auth.ErrLocked) {
		t.Errorf("check: %v", err)
	}
	if _, err := logins.Remove(t.Context(), server); !errors.Is(err, auth.ErrLocked) {
		t.Errorf("logout: %v", err)
	}
	b.fail = nil
	wantTokens(t, logins, server, auth.Credentials{Access: "a", Refresh: "r"}) // it is still there
}

func TestAStoreOfANewerVersion(t *testing.T) {
	logins := auth.NewLogins(t.TempDir(), newBackend().keyring())
	strange := account("ana")
	strange.Store = "hsm"
	if err := logins.Add(t.Context(), strange, auth.Credentials{Access: "a"}); err == nil {
		t.Error("no error")
	}
	if err := logins.Check(t.Context(), "hsm"); err == nil {
		t.Error("no error")
	}
}

// lockingProcess makes a run of this test a second process: it takes the lock
// on the login in the directory, says so, stores new tokens and gives it back
// when its stdin ends.
const lockingProcess = "ENGRAM_SYNC_TEST_LOCKING_PROCESS"

func TestOneProcessRefreshesAtATime(t *testing.T) {
	if dir := os.Getenv(lockingProcess); dir != "" {
		refreshSlowly(t, dir)
		return
	}
	dir := t.TempDir()
	logins := auth.NewLogins(dir, auth.NewFile(dir))
	ana := account("ana")
	ana.Store = auth.StoreFile
	add(t, logins, ana, auth.Credentials{Access: "a1", Refresh: "r1"})
	login, err := logins.Current(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	goOn := startOther(t, dir)

	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	for what, err := range map[string]error{
		"refresh": third(login.Exclusive(short)),
		"login":   logins.Add(short, ana, auth.Credentials{Access: "x", Refresh: "x"}),
		"logout":  second(logins.Remove(short, server)),
	} {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s, while another process refreshes: %v", what, err)
		}
	}
	goOn()
	tokens, release, err := login.Exclusive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(auth.Credentials{Access: "a2", Refresh: "r2"}, tokens); diff != "" {
		t.Errorf("what the other one stored (-want +got):\n%s", diff)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

// startOther starts the second process, and waits until it holds the lock. What
// it gives lets that process store its tokens and end.
func startOther(t *testing.T, dir string) (goOn func()) {
	t.Helper()
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOneProcessRefreshesAtATime$")
	other.Env = append(os.Environ(), lockingProcess+"="+dir, "GORACE=atexit_sleep_ms=0")
	other.Stderr = os.Stderr
	stdin, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := errors.Join(stdin.Close(), other.Wait()); err != nil {
			t.Fatal(err)
		}
	}
}

func refreshSlowly(t *testing.T, dir string) {
	login, err := auth.NewLogins(dir, auth.NewFile(dir)).Current(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	_, release, err := login.Exclusive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stdout.WriteString("."); err != nil {
		t.Fatal(err)
	}
	_, _ = os.Stdin.Read(make([]byte, 1)) // its end is what is waited for
	if err := errors.Join(login.Save(t.Context(), auth.Credentials{Access: "a2", Refresh: "r2"}), release()); err != nil {
		t.Fatal(err)
	}
}

// A login that was removed in the meantime is not refreshed back into life.
func TestALogoutDuringARun(t *testing.T) {
	b, dir := newBackend(), t.TempDir()
	logins := auth.NewLogins(dir, b.keyring())
	add(t, logins, account("ana"), auth.Credentials{Access: "a", Refresh: "r"})
	login, err := logins.Current(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := logins.Remove(t.Context(), server); err != nil {
		t.Fatal(err)
	}
	if _, _, err := login.Exclusive(t.Context()); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if _, release, err := login.Exclusive(t.Context()); !errors.Is(err, auth.ErrNotFound) || release != nil {
		t.Errorf("the lock was kept: %v", err)
	}
}

func third[A, B any](_ A, _ B, err error) error { return err }

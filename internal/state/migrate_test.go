package state_test

import (
	"errors"
	"os"
	"testing"

	"github.com/engram-sync/engram-sync/internal/state"
)

// What was put down while only a token was known belongs to the account as
// soon as that is known.
func TestAdoptedState(t *testing.T) {
	dir := t.TempDir()
	token, user := journalOf(t, dir, "token 1"), journalOf(t, dir, "user 1")
	put(t, token, "job", "sent")
	put(t, token, "cursor", "5")
	put(t, user, "cursor", "7")

	if err := user.MigrateFrom(t.Context(), 0, "token 1"); err != nil {
		t.Fatal(err)
	}
	want(t, user, "job", "sent")
	want(t, user, "cursor", "7")
	want(t, token, "cursor", "5")
	if err := user.MigrateFrom(t.Context(), 0, "token 1"); err != nil {
		t.Error("again:", err)
	}
	if err := user.MigrateFrom(t.Context(), 0, "token 2"); err != nil {
		t.Error("from nobody:", err)
	}
}

func TestAdoptWaitsForWhoeverIsAtWork(t *testing.T) {
	dir := t.TempDir()
	token, user := journalOf(t, dir, "token 1"), journalOf(t, dir, "user 1")
	unlock, err := token.Lock(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	put(t, token, "job", "sent")
	var busy *state.BusyError
	if err := user.MigrateFrom(t.Context(), 0, "token 1"); !errors.As(err, &busy) {
		t.Errorf("error %v, want a BusyError", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if err := user.MigrateFrom(t.Context(), 0, "token 1"); err != nil {
		t.Fatal(err)
	}
	want(t, user, "job", "sent")
}

func journalOf(t *testing.T, dir, account string) *state.AccountState {
	t.Helper()
	j, err := state.OpenAccount(state.In(dir), "https://engram.example.com", account)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func put(t *testing.T, j *state.AccountState, name, text string) {
	t.Helper()
	if err := os.WriteFile(j.Path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, j *state.AccountState, name, text string) {
	t.Helper()
	if got, err := os.ReadFile(j.Path(name)); err != nil || string(got) != text {
		t.Errorf("%s holds %q (%v), want %q", name, got, err, text)
	}
}

package state_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/testkit/filekit"
)

func TestOneProcessAtATimeMovesTheMutationsOfAnAccount(t *testing.T) {
	dir := t.TempDir()
	open := func(remote, account string) *state.AccountState {
		j, err := state.OpenAccount(state.In(dir), remote, account)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	first := open("https://one.example", "ana")
	unlock, err := first.Lock(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var busy *state.BusyError
	for _, wait := range []time.Duration{0, time.Millisecond} {
		if _, err := open("https://one.example", "ana").Lock(t.Context(), wait); !errors.As(err, &busy) {
			t.Errorf("the second got %v after %v", err, wait)
		}
	}
	for _, other := range []*state.AccountState{open("https://one.example", "ben"), open("https://two.example", "ana")} {
		release, err := other.Lock(t.Context(), 0)
		if err != nil {
			t.Errorf("another journal: %v", err)
			continue
		}
		_ = release()
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := open("https://one.example", "ana").Lock(ended, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("whoever has had enough got %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	again, err := open("https://one.example", "ana").Lock(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = again()
	filekit.WantPrivate(t, first.Path("lock"))
}

// What a killed run left behind goes with the next one that has the lock.
func TestLeftoversGo(t *testing.T) {
	j := journalOf(t, t.TempDir(), "user 1")
	left := j.Path(atomicfile.TempPrefix + "X" + atomicfile.TempSuffix)
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	unlock, err := j.Lock(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there (%v)", err)
	}
}

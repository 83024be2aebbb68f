package filelock_test

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/filelock"
)

func TestOneHasTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	tries := map[string]func(context.Context, string, time.Duration) (func() error, error){path: filelock.TryLock}
	if runtime.GOOS != "windows" {
		tries[filepath.Dir(path)] = filelock.TryLockDir
	}
	for path, try := range tries {
		unlock, err := try(t.Context(), path, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, wait := range []time.Duration{0, time.Millisecond} {
			if _, err := try(t.Context(), path, wait); !errors.Is(err, filelock.ErrHeld) {
				t.Errorf("a second one waits %v and gets %v", wait, err)
			}
		}
		release := unlock
		time.AfterFunc(time.Millisecond, func() {
			if err := release(); err != nil {
				t.Error(err)
			}
		})
		unlock, err = try(t.Context(), path, time.Minute)
		if err != nil {
			t.Fatalf("it is free, but: %v", err)
		}
		if err := unlock(); err != nil {
			t.Error(err)
		}
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := filelock.Lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(enough)
	if _, err := filelock.Lock(ctx, path); !errors.Is(err, enough) {
		t.Errorf("Lock gives %v", err)
	}
	if _, err := filelock.TryLock(ctx, path, time.Minute); !errors.Is(err, enough) {
		t.Errorf("TryLock gives %v", err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}

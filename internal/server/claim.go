package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/filelock"
	"github.com/engram-sync/engram-sync/internal/safetext"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// Names inside of the data directory of who serves it.
const (
	serveLock = "serve.lock"
	serveNote = "serve.json"
)

// ServedError says that another process serves a data directory, or another Server of this one. What is known of it is a
// hint: zero where nothing is.
type ServedError struct {
	Dir   string    `json:"-"`
	PID   int       `json:"pid"`
	Since time.Time `json:"since"`
}

func (e *ServedError) Error() string {
	who := ""
	if e.PID > 0 {
		who = fmt.Sprintf(" (process %d, since %s)", e.PID, safetext.Clock(e.Since, time.Now()))
	}
	return fmt.Sprintf("another engram-sync serves %s%s: stop it first, wait for it with --lock-wait, or serve another directory with --data", e.Dir, who)
}

// claim makes the caller the only one that serves a data directory, until release is called or the process ends, for which
// it waits for at most the given time. Who only opens it for a while is not kept from anything.
func claim(ctx context.Context, dir string, wait time.Duration) (release func() error, err error) {
	unlock, err := filelock.TryLock(ctx, filepath.Join(dir, serveLock), wait)
	note := filepath.Join(dir, serveNote)
	if errors.Is(err, filelock.ErrHeld) {
		served := &ServedError{}
		if text, err := sharing.ReadFile(note); err != nil || json.Unmarshal(text, served) != nil {
			served = &ServedError{}
		}
		served.Dir = dir
		return nil, served
	}
	if err != nil {
		return nil, fmt.Errorf("lock the data directory %s: %w", dir, err)
	}
	// The note is a courtesy to others: without it the lock is as good.
	if text, err := json.Marshal(ServedError{PID: os.Getpid(), Since: time.Now().Round(0)}); err == nil {
		_ = atomicfile.Write(note, text, 0o600)
	}
	return func() error {
		_ = sharing.Remove(note) // before the next one writes its own
		return unlock()
	}, nil
}

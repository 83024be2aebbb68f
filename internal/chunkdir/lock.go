package chunkdir

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/filelock"
	"github.com/engram-sync/engram-sync/internal/safetext"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// LockedError says that another process, or another Lock of this one, works on
// the directory. What is known of the holder is a hint: zero where nothing is.
type LockedError struct {
	Path    string    `json:"-"` // of the chunk directory
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
	Command string    `json:"command"` // what the holder said to Lock
}

func (e *LockedError) Error() string {
	who := ""
	if e.PID > 0 {
		who = fmt.Sprintf(" (%s, process %d, since %s)", e.Command, e.PID, safetext.Clock(e.Since, time.Now()))
	}
	return fmt.Sprintf("another engram-sync is at work on %s%s: try again later, or wait for it with --lock-wait", e.Path, who)
}

// Lock makes the caller the only one on this machine who changes the
// directory, among all that use Lock; command says to others what it is doing.
// Where somebody has the lock, it waits for at most the given time, 0 being
// not at all, and then gives a *LockedError. With the lock in hand it sweeps
// the temporary files that killed processes left.
//
// The kernel holds the lock, on the directory itself (in StateDir on Windows):
// a read-only one can be locked, nothing is left in it, and the end of the
// process is the end of the lock. unlock is called once.
func (d *Dir) Lock(ctx context.Context, wait time.Duration, command string) (unlock func() error, err error) {
	release, err := d.tryLock(ctx, wait)
	if errors.Is(err, filelock.ErrHeld) {
		return nil, d.holder()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot lock %s: %w", d.path, err)
	}
	d.noteHolder(command)
	d.sweep()
	return func() error {
		d.forgetHolder() // first: the next holder has a note of its own
		if err := release(); err != nil {
			return fmt.Errorf("cannot unlock %s: %w", d.path, err)
		}
		return nil
	}, nil
}

// Holder says who has the lock, nil where nobody has it. It takes the lock for a moment
// only where a note says that somebody may have it.
func (d *Dir) Holder(ctx context.Context) (*LockedError, error) {
	path, err := d.notePath()
	if err != nil || path == "" {
		return nil, err
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	unlock, err := d.tryLock(ctx, 0)
	if errors.Is(err, filelock.ErrHeld) {
		return d.holder(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot look at the lock of %s: %w", d.path, err)
	}
	return nil, unlock()
}

// sweep removes leftovers where it can. One that stays, on a read-only disk
// say, harms nobody, and Files reports it, so it is no reason to stop.
func (d *Dir) sweep() {
	_ = atomicfile.Sweep(d.path)
	if d.checkChunks() == nil {
		_ = atomicfile.Sweep(filepath.Join(d.path, ChunksName))
	}
}

const (
	// statePerm is the mode of our state directory: what we do is nobody else's business.
	statePerm = 0o700
	notePerm  = 0o600
)

// statePath is the path in StateDir of a file about this directory; "" without a
// StateDir. It is the same for every path that leads to the directory.
func (d *Dir) statePath(suffix string) (string, error) {
	if d.opts.StateDir == "" {
		return "", nil
	}
	what, err := filelock.IdentityAt(d.path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(what))
	return filepath.Join(d.opts.StateDir, "locks", hex.EncodeToString(sum[:16])+suffix), nil
}

// notePath is where the note about the holder of the lock lies.
func (d *Dir) notePath() (string, error) { return d.statePath(".json") }

// noteHolder writes the note that tells others who has the lock, as the JSON of
// a LockedError. It is a courtesy to them, so without a place to write it the
// lock is as good.
func (d *Dir) noteHolder(command string) {
	path, err := d.notePath()
	if err != nil || path == "" {
		return
	}
	note, err := json.Marshal(LockedError{PID: os.Getpid(), Since: time.Now().Round(0), Command: command})
	if err != nil || os.MkdirAll(filepath.Dir(path), statePerm) != nil {
		return
	}
	_ = atomicfile.Write(path, note, notePerm)
}

// forgetHolder removes the note. One that stays is overwritten by the next holder.
func (d *Dir) forgetHolder() {
	if path, err := d.notePath(); err == nil && path != "" {
		_ = sharing.Remove(path)
	}
}

// holder tells what the note says, if there is a good one.
func (d *Dir) holder() *LockedError {
	var locked LockedError
	path, err := d.notePath()
	if err == nil {
		if note, err := sharing.ReadFile(path); err != nil || json.Unmarshal(note, &locked) != nil {
			locked = LockedError{}
		}
	}
	locked.Path = d.path
	return &locked
}

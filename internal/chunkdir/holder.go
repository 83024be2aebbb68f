package chunkdir

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
)

const (
	// statePerm is the mode of our state directory: what we do is nobody else's business.
	statePerm = 0o700
	notePerm  = 0o600
)

// holder is the note that tells others who has the lock.
type holder struct {
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
	Command string    `json:"command"`
}

// statePath is the path in StateDir of a file about this directory; "" without a
// StateDir. It is the same for every name that leads to the directory.
func (d *Dir) statePath(suffix string) (string, error) {
	if d.opts.StateDir == "" {
		return "", nil
	}
	path, err := filepath.EvalSymlinks(d.path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(path))
	return filepath.Join(d.opts.StateDir, "locks", hex.EncodeToString(sum[:16])+suffix), nil
}

// noteHolder writes the note. It is a courtesy to others, so without a place
// to write it the lock is as good.
func (d *Dir) noteHolder(command string) {
	path, err := d.statePath(".json")
	if err != nil || path == "" {
		return
	}
	note, err := json.Marshal(holder{PID: os.Getpid(), Since: time.Now().Round(0), Command: command})
	if err != nil || os.MkdirAll(filepath.Dir(path), statePerm) != nil {
		return
	}
	_ = atomicfile.Write(path, note, notePerm)
}

// forgetHolder removes the note. One that stays is overwritten by the next holder.
func (d *Dir) forgetHolder() {
	if path, err := d.statePath(".json"); err == nil && path != "" {
		_ = os.Remove(path)
	}
}

// lockedError tells what the note says, if there is a good one.
func (d *Dir) lockedError() error {
	locked := &LockedError{Path: d.path}
	path, err := d.statePath(".json")
	if err != nil {
		return locked
	}
	var h holder
	if note, err := os.ReadFile(path); err == nil && json.Unmarshal(note, &h) == nil {
		locked.PID, locked.Since, locked.Command = h.PID, h.Since, h.Command
	}
	return locked
}

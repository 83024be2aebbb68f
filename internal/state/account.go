package state

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/filelock"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// AccountState is the place for what has to be remembered about one account's
// mutation journal on one remote: cursors, and what was pushed.
type AccountState struct {
	root        Root
	dir, remote string
}

// OpenAccount gives the place for a remote's base URL and an account of it, and
// makes it, save for who only looks.
func OpenAccount(root Root, remote, account string) (*AccountState, error) {
	j := &AccountState{root: root, dir: accountDir(root, remote, account), remote: remote}
	if j.root.looks {
		return j, nil
	}
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state directory: %w", err)
	}
	return j, nil
}

func accountDir(root Root, remote, account string) string {
	sum := sha256.Sum256([]byte(remote + "\n" + account))
	return root.Path("journals", hex.EncodeToString(sum[:16]))
}

// Remote is the base URL that it was opened for.
func (j *AccountState) Remote() string { return j.remote }

// Journals is the directory that has those of all accounts.
func (j *AccountState) Journals() string { return filepath.Dir(j.dir) }

// Path is the path of a file with this name in the journal's directory.
func (j *AccountState) Path(name string) string { return filepath.Join(j.dir, name) }

// BusyError says that another process works on the journal of the same account.
type BusyError struct{ Remote string }

func (e *BusyError) Error() string {
	return fmt.Sprintf("another engram-sync is at work on the journal of %s: try again later, or wait for it with --lock-wait", e.Remote)
}

// lockName is the file that the lock is on.
const lockName = "lock"

// Lock makes the caller the only one on this machine that moves mutations of
// this account. Where somebody has the lock, it waits for at most the given
// time, 0 being not at all, and then gives a *BusyError. The kernel holds the
// lock: the end of the process is its end. unlock is called once. Who only looks
// needs no lock.
func (j *AccountState) Lock(ctx context.Context, wait time.Duration) (unlock func() error, err error) {
	if j.root.looks {
		return func() error { return nil }, nil
	}
	unlock, err = filelock.TryLock(ctx, j.Path(lockName), wait)
	if errors.Is(err, filelock.ErrHeld) {
		return nil, &BusyError{Remote: j.remote}
	}
	if err != nil {
		return nil, fmt.Errorf("lock the journal of %s: %w", j.remote, err)
	}
	_ = atomicfile.Sweep(j.dir) // what killed runs left there takes room, and does no other harm
	return unlock, nil
}

// MigrateFrom moves here what was remembered of the same remote while the account
// had another name. What is here already stays, and its namesake there too.
// The caller holds the lock; that of the other name is taken meanwhile, for
// which it waits like Lock.
func (j *AccountState) MigrateFrom(ctx context.Context, wait time.Duration, account string) (err error) {
	other := &AccountState{root: j.root, dir: accountDir(j.root, j.remote, account), remote: j.remote}
	entries, err := os.ReadDir(other.dir)
	if errors.Is(err, fs.ErrNotExist) || other.dir == j.dir || j.root.looks {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for older state: %w", err)
	}
	unlock, err := other.Lock(ctx, wait)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	for _, entry := range entries {
		path := j.Path(entry.Name())
		if _, err := os.Lstat(path); entry.Name() == lockName || !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := sharing.Rename(filepath.Join(other.dir, entry.Name()), path); err != nil {
			return fmt.Errorf("take over older state: %w", err)
		}
	}
	return nil
}

// JobFile is the file that remembers how far one source was pushed.
type JobFile struct{ path string }

// JobFiles gives the jobs of a group, which is the hash of how a source begins:
// there can be several, for sources that begin alike.
func (j *AccountState) JobFiles(group [32]byte) ([]JobFile, error) {
	return j.jobFiles(jobPrefix(group))
}

// AllJobFiles gives the jobs of all groups.
func (j *AccountState) AllJobFiles() ([]JobFile, error) { return j.jobFiles(jobsPrefix) }

func (j *AccountState) jobFiles(prefix string) ([]JobFile, error) {
	entries, err := os.ReadDir(j.dir) // no pattern: the path is the user's, with brackets or without
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // somebody only looks
	}
	if err != nil {
		return nil, fmt.Errorf("look for earlier pushes: %w", err)
	}
	var jobs []JobFile
	for _, entry := range entries {
		if name := entry.Name(); strings.HasPrefix(name, prefix) && strings.HasSuffix(name, ".json") {
			jobs = append(jobs, JobFile{j.Path(name)})
		}
	}
	return jobs, nil
}

// NewJobFile gives the place of another job. It is made by Write.
func (j *AccountState) NewJobFile(group [32]byte) JobFile {
	return JobFile{j.Path(jobPrefix(group) + rand.Text()[:8] + ".json")}
}

// SessionsFile is the place for what is known of the sessions that the journal has. It
// is a cache.
func (j *AccountState) SessionsFile() JobFile { return JobFile{j.Path("sessions.json")} }

const jobsPrefix = "push-"

func jobPrefix(group [32]byte) string { return jobsPrefix + hex.EncodeToString(group[:12]) + "-" }

// RejectsPath is where the rows go that cannot be pushed, unless the user wants
// them elsewhere.
func (p JobFile) RejectsPath() string { return p.path[:len(p.path)-len(".json")] + "-rejected.jsonl" }

// JobError says that what is remembered of a push cannot be used. Without
// it nobody knows what was sent, but for the journal.
type JobError struct {
	Path string
	Err  error
}

func (e *JobError) Error() string {
	return fmt.Sprintf("what was pushed before is not known any more: %s: %v (move that file away, and push with --reconcile)", e.Path, e.Err)
}

// Unwrap gives the reason.
func (e *JobError) Unwrap() error { return e.Err }

// Read reads the job, which must have this schema. Else it gives a *JobError.
func (p JobFile) Read(job any, schema int) error {
	text, err := sharing.ReadFile(p.path)
	if err != nil {
		return fmt.Errorf("read what was pushed before: %w", err)
	}
	if err = CheckSchema(text, schema); err == nil {
		err = json.Unmarshal(text, job)
	}
	if err != nil {
		return &JobError{Path: p.path, Err: err}
	}
	return nil
}

// Write replaces the job. It is on disk when Write returns.
func (p JobFile) Write(job any) error {
	text, err := json.Marshal(job)
	if err == nil {
		err = atomicfile.Write(p.path, text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("remember what was pushed: %w", err)
	}
	return nil
}

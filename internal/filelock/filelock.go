// Package filelock keeps processes from working on the same thing at once. The
// kernel holds its locks, so the end of a process is the end of all that it has;
// each package that owns files locks its own.
package filelock

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// ErrHeld means that somebody else still has the lock.
var ErrHeld = errors.New("locked by another process")

// poll is how often a lock that somebody holds is tried again.
const poll = 20 * time.Millisecond

// Lock locks a file, for which it waits as long as the context allows. A file
// that is missing is made, for its owner alone. unlock is called once.
func Lock(ctx context.Context, path string) (unlock func() error, err error) {
	lock := flock.New(path, flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, poll); err != nil {
		return nil, cause(ctx, err)
	}
	return lock.Unlock, nil
}

// TryLock is Lock, but waits for at most the given time, 0 being not at all.
// Then the error is ErrHeld.
func TryLock(ctx context.Context, path string, wait time.Duration) (unlock func() error, err error) {
	return tryLock(ctx, flock.New(path, flock.SetPermissions(0o600)), wait)
}

// TryLockDir is TryLock on a directory itself, which needs no permission to write
// into it. Windows locks no directories.
func TryLockDir(ctx context.Context, path string, wait time.Duration) (unlock func() error, err error) {
	return tryLock(ctx, flock.New(path, flock.SetFlag(os.O_RDONLY)), wait)
}

func tryLock(ctx context.Context, lock *flock.Flock, wait time.Duration) (unlock func() error, err error) {
	locked, err := lock.TryLock()
	if err == nil && !locked && wait > 0 {
		waiting, cancel := context.WithTimeoutCause(ctx, wait, ErrHeld)
		defer cancel()
		_, err = lock.TryLockContext(waiting, poll)
		locked, err = err == nil, cause(waiting, err)
	}
	switch {
	case err != nil:
		return nil, err
	case !locked:
		return nil, ErrHeld
	}
	return lock.Unlock, nil
}

// cause is the cause of an ended context, where the error says that it ended.
func cause(ctx context.Context, err error) error {
	if err != nil && errors.Is(err, ctx.Err()) {
		return context.Cause(ctx)
	}
	return err
}

package engramdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/engram-sync/engram-sync/internal/cancellable"
)

// openCopy opens a private copy of the database, as it was at one moment.
func (db *DB) openCopy(ctx context.Context) (*view, error) {
	dir, err := os.MkdirTemp("", "engram-sync-view-") // mode 0700
	if err != nil {
		return nil, fmt.Errorf("copy engram's database: %w", err)
	}
	remove := func() error { return os.RemoveAll(dir) }
	file := filepath.Join(dir, "engram.db")
	withWAL, err := db.copyConsistently(ctx, file)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("copy engram's database: %w", err), remove())
	}
	option := "immutable"
	if withWAL {
		option = ""
	}
	v, err := db.open(ctx, file, option, remove)
	if err != nil {
		return nil, err
	}
	if unlinksOpen {
		// Everything that will be read is open now, and no crash can leave it behind.
		if err := remove(); err != nil {
			return nil, errors.Join(err, v.close())
		}
	}
	return v, nil
}

// copyConsistently tries until engram.db and its -wal, as copied to file, belong
// together, and says whether there is a -wal.
func (db *DB) copyConsistently(ctx context.Context, file string) (withWAL bool, err error) {
	for range tries {
		if err := ctx.Err(); err != nil {
			return false, context.Cause(ctx)
		}
		before, err := db.look()
		if err != nil {
			return false, err
		}
		copied, err := db.copyOnce(before, file)
		if err != nil {
			return false, err
		}
		after, err := db.look()
		if err != nil {
			return false, err
		}
		if copied && belongTogether(before, after) {
			return before.header != walHeader{}, nil
		}
		if err := cancellable.Sleep(ctx, pause); err != nil {
			return false, err
		}
	}
	return false, ErrBusy
}

// belongTogether says whether what was copied between two looks is one state.
//
// With a log: its header is the same, so it has not started anew, and has only
// grown. Every page that a checkpoint wrote to engram.db meanwhile is in the
// log, and was there before it was in engram.db, which is copied first: readers
// take it from the log. What is half written at the log's end fails its checksum.
// Without one: nothing can have been written but through a log, which would have
// left engram.db with another time or size.
func belongTogether(before, after footprint) bool {
	if before.journal || after.journal {
		return false // no engram writes like this; whoever does is in the middle of it
	}
	if before.header != (walHeader{}) {
		return before.header == after.header && after.wal.size >= before.wal.size
	}
	return before.db == after.db && after.header == walHeader{}
}

// copyOnce copies engram.db and then its -wal, never its -shm: that is rebuilt.
// It says false where it has to be tried again.
func (db *DB) copyOnce(seen footprint, file string) (copied bool, err error) {
	if !inPlace.TryLock() {
		return false, nil // a view in place is open
	}
	err = copyFile(db.file, file)
	inPlace.Unlock()
	if err != nil || seen.header == (walHeader{}) {
		return err == nil, err
	}
	err = copyFile(db.file+"-wal", file+"-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // engram has closed its database meanwhile
	}
	return err == nil, err
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}

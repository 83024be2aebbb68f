package engramdb

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// settled is how long a file must have been left alone before its times are
// believed: file systems count in steps of up to 2 s (FAT).
const settled = 3 * time.Second

// Version is a cheap change detector for caches of what a Snapshot gave: take the
// version, then the Snapshot, and keep what came of it under that version. As
// long as Version gives the same again, the rows are the same. It reads a few
// bytes of each page in the log and next to nothing of engram.db. Errors: those of Open.
//
// It is a hash of
//
//   - size and time of engram.db and engram.db-wal;
//   - the headers of the log and of its frames: the salts in the one are new
//     whenever the log starts anew, even if its size stays, and the others have
//     the checksums of what was written. So every commit to the log changes the
//     version: inserts, updates of any column, soft deletes;
//   - the tables' highest ids, as a reader sees them at that moment. Not for
//     another user's file, where it would take a copy.
//
// Where the log is missing, because engram has written it back and closed, times
// decide, and two changes within one step of the file system's clock could look
// like one. And a commit is in the log a moment before readers see it: that
// version would be ahead of the Snapshot. So while either file was changed less
// than three seconds ago, or has a time in the future, the version is one that
// never comes again.
//
// The version also changes without a change of rows, as when the log is
// written back or engram is opened. What it can miss: a file put in the place of
// another with the same size and time; a log on a network file system with a
// clock more than three seconds behind ours; and an engram killed between
// writing a commit's last frame and announcing it, if that commit inserted no
// row, while a second engram stayed open and wrote nothing more.
func (db *DB) Version(ctx context.Context) (string, error) {
	sum := sha256.New()
	// The log before the times: what it has got, they tell.
	err := sumUpLog(db.file+"-wal", sum)
	var seen footprint
	if err == nil {
		seen, err = db.look()
	}
	var ids string
	if err == nil {
		ids, err = db.highestIDs(ctx, seen)
	}
	if err != nil {
		return "", fmt.Errorf("look at engram's database: %w", err)
	}
	fmt.Fprintf(sum, " %s %s %s", seen.db, seen.wal, ids)
	if now := time.Now(); !seen.db.settled(now) || !seen.wal.settled(now) {
		fmt.Fprint(sum, rand.Text())
	}
	return hex.EncodeToString(sum.Sum(nil)[:16]), nil
}

func (s stamp) String() string {
	if !s.exists {
		return "none"
	}
	return fmt.Sprintf("%d@%d", s.size, s.changed.UnixNano())
}

// settled says whether the file's time tells it apart from every later state.
func (s stamp) settled(now time.Time) bool {
	return !s.exists || now.Sub(s.changed) > settled
}

// highestIDs is the table in which SQLite keeps the highest ids ever used.
func (db *DB) highestIDs(ctx context.Context, seen footprint) (ids string, err error) {
	if seen.foreign || seen.wal.exists && !seen.shm {
		return "", nil // it would take a copy
	}
	err = db.read(ctx, func(ctx context.Context, v *view) error {
		present, err := v.columnsOf(ctx, "sqlite_sequence")
		if err != nil || len(present) == 0 {
			return err
		}
		ids = ""
		return v.query(ctx, func(scan func(...any) error) error {
			var name, highest string
			err := scan(&name, &highest)
			ids += fmt.Sprintf("%q=%q ", name, highest)
			return err
		}, "SELECT CAST(name AS TEXT), CAST(seq AS TEXT) FROM sqlite_sequence ORDER BY name, seq")
	})
	return ids, err
}

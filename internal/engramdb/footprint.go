package engramdb

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/engram-sync/engram-sync/internal/sharing"
)

// walHeader is the header of a -wal: two salts in it are new each time that the
// log starts from its beginning. Source: sqlite.org, File Format, 4.1.
type walHeader [32]byte

// footprint is what can be seen of a database without opening it (see Locks in
// the package's comment); its -wal can be opened: no locks are ever on that file.
type footprint struct {
	db           stamp
	wal          stamp
	header       walHeader // zero where the -wal is shorter
	shm, journal bool
	foreign      bool // engram.db is another user's
}

// stamp is what the file system says about a file; zero for a missing one.
type stamp struct {
	exists  bool
	size    int64
	changed time.Time
}

// smallestPage is SQLite's. It takes a shorter file for an empty database.
const smallestPage = 512

// still says whether nobody had the database open, nor was killed while he had.
func (f footprint) still() bool { return !f.wal.exists && !f.journal }

// look takes the footprint.
func (db *DB) look() (footprint, error) {
	info, err := os.Stat(db.file)
	if err != nil {
		return footprint{}, err
	}
	if !info.Mode().IsRegular() {
		return footprint{}, &fs.PathError{Op: "open", Path: db.path, Err: errors.New("not a regular file")}
	}
	if info.Size() == 0 {
		return footprint{}, &fs.PathError{Op: "open", Path: db.path, Err: ErrEmpty}
	}
	if info.Size() < smallestPage {
		return footprint{}, &DamagedError{Path: db.path, Err: errors.New("shorter than a page")}
	}
	f := footprint{db: stampOf(info), foreign: !ownedByUs(info)}
	if f.shm, err = exists(db.file + "-shm"); err != nil {
		return f, err
	}
	if f.journal, err = exists(db.file + "-journal"); err != nil {
		return f, err
	}
	f.wal, f.header, err = lookAtWAL(db.file + "-wal")
	return f, err
}

func lookAtWAL(path string) (s stamp, header walHeader, err error) {
	wal, err := sharing.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, header, nil
	}
	if err != nil {
		return s, header, err
	}
	defer func() { err = errors.Join(err, wal.Close()) }()
	info, err := wal.Stat()
	if err != nil {
		return s, header, err
	}
	header, err = readWALHeader(wal)
	return stampOf(info), header, err
}

func stampOf(info fs.FileInfo) stamp {
	return stamp{exists: true, size: info.Size(), changed: info.ModTime()}
}

func exists(path string) (bool, error) {
	_, err := sharing.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// frameHeader stands before each page in a -wal: page number, size of the
// database if the frame ends a commit, the log's salts, and a checksum over all
// frames up to this one. Source: sqlite.org, File Format, 4.1.
type frameHeader [24]byte

// sumUpLog adds to sum what a -wal holds: its header and those of the frames of
// its present turn. A missing or empty log adds nothing.
func sumUpLog(path string, sum hash.Hash) (err error) {
	wal, err := sharing.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, wal.Close()) }()
	header, err := readWALHeader(wal)
	if err != nil || header == (walHeader{}) {
		return err
	}
	sum.Write(header[:])
	return sumUpFrames(wal, header, sum)
}

// readWALHeader gives zeros for a log that is too short for a header.
func readWALHeader(wal io.ReaderAt) (header walHeader, err error) {
	_, err = wal.ReadAt(header[:], 0)
	if errors.Is(err, io.EOF) {
		return walHeader{}, nil
	}
	return header, err
}

// sumUpFrames ends at the first frame with other salts: it is of an earlier
// turn. All are needed, not only the last: a transaction that was too large for
// memory and taken back leaves frames, whose first ones the next overwrites.
func sumUpFrames(wal io.ReaderAt, header walHeader, sum hash.Hash) error {
	pageSize := int64(binary.BigEndian.Uint32(header[8:12]))
	if pageSize < smallestPage || pageSize > 65536 {
		return nil // SQLite takes no frame from such a log either
	}
	salts := [8]byte(header[16:24])
	var frame frameHeader
	for at := int64(len(header)); ; at += int64(len(frame)) + pageSize {
		if _, err := wal.ReadAt(frame[:], at); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if [8]byte(frame[8:16]) != salts {
			return nil
		}
		sum.Write(frame[:])
	}
}

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

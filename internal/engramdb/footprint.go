package engramdb

import (
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"time"
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
	wal, err := os.Open(path)
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
	_, err := os.Lstat(path)
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
	wal, err := os.Open(path)
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

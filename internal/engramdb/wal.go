package engramdb

import (
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
)

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
	if _, err := wal.ReadAt(header[:], 0); errors.Is(err, io.EOF) {
		return walHeader{}, nil
	} else if err != nil {
		return walHeader{}, err
	}
	return header, nil
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

package engramdb

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"sort"
)

// frameHeader stands before each page in a -wal: page number, size of the
// database if the frame ends a commit, the log's salts, and a checksum over all
// frames up to this one. Source: sqlite.org, File Format, 4.1.
type frameHeader [24]byte

// lookIntoLog sums up what a -wal holds: its header, how many frames it has, and
// the header of the last. It is empty for a missing or empty log. Frames behind
// the last belong to an earlier turn of the log: they have other salts.
func lookIntoLog(path string) (sum []byte, err error) {
	wal, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = both(err, wal.Close()) }()
	info, err := wal.Stat()
	if err != nil {
		return nil, err
	}
	header, err := readWALHeader(wal)
	if err != nil || header == (walHeader{}) {
		return nil, err
	}
	frames, last, err := lastFrame(wal, header, info.Size())
	return append(binary.BigEndian.AppendUint64(header[:], uint64(frames)), last[:]...), err
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

// lastFrame finds the last frame with the header's salts, and how many there are.
func lastFrame(wal io.ReaderAt, header walHeader, size int64) (frames int, last frameHeader, err error) {
	pageSize := int64(binary.BigEndian.Uint32(header[8:12]))
	if pageSize < 512 || pageSize > 65536 {
		return 0, last, nil // SQLite takes no frame from such a log either
	}
	step := int64(len(last)) + pageSize
	at := func(i int) (f frameHeader) {
		if _, readErr := wal.ReadAt(f[:], int64(len(header))+int64(i)*step); readErr != nil && !errors.Is(readErr, io.EOF) {
			err = readErr
		}
		return f
	}
	salts := [8]byte(header[16:24])
	// Frames are written one after the other, so those of this turn come first.
	most := int(max(0, size-int64(len(header))) / step)
	frames = sort.Search(most, func(i int) bool { f := at(i); return [8]byte(f[8:16]) != salts })
	if frames > 0 {
		last = at(frames - 1)
	}
	return frames, last, err
}

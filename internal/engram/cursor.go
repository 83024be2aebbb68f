package engram

import (
	"encoding/binary"
	"errors"
	"math"
)

// JournalRef is a row of a journal that a reader is done with: its number, and a
// part of its MutationSum, which tells it from another row that took its number
// after the server was restored.
type JournalRef struct {
	Seq int64
	Sum uint32
}

// Cursor is how far a reader of a mutation journal has come. It is done with
// the rows up to LowWatermark and with those in Recent, and has seen the row
// Last. The zero value is the beginning of the journal.
type Cursor struct {
	UserID string     // of the rows read so far; "" where they have none
	Last   JournalRef // the newest row that was read; zero if there is none
	// LowWatermark is where the next reading starts: rows up to here are settled,
	// and above it some may still become visible.
	LowWatermark int64
	// Recent are the rows above LowWatermark that the reader is done with,
	// ascending. Those above Last were read once, and are not in the journal any more.
	Recent []JournalRef
}

// Start is what the next reading asks for as since: the row at the cursor comes
// again, to see whether the journal is still the same.
func (c Cursor) Start() int64 {
	if c.Last.Seq > 0 {
		return min(c.LowWatermark, c.Last.Seq-1)
	}
	return c.LowWatermark
}

// ErrBadRefs means that bytes are no list of JournalRefs, or not a whole one.
var ErrBadRefs = errors.New("not a list of marks")

// MaxRefBytes is how long a JournalRef can be in binary form.
const MaxRefBytes = binary.MaxVarintLen64 + 4

// AppendRef adds the binary form of m: the distance to the seq before, as a
// uvarint, and the sum in four bytes. They stand in ascending order, from 1.
func AppendRef(dst []byte, before int64, m JournalRef) []byte {
	dst = binary.AppendUvarint(dst, uint64(m.Seq-before))
	return binary.BigEndian.AppendUint32(dst, m.Sum)
}

// CutRef reads the first JournalRef in src and says how many bytes it has. A src that
// is not whole, or not ascending, gives ErrBadRefs.
func CutRef(src []byte, before int64) (m JournalRef, n int, err error) {
	step, n := binary.Uvarint(src)
	if n <= 0 || len(src) < n+4 || step == 0 || step > uint64(math.MaxInt64-before) {
		return JournalRef{}, 0, ErrBadRefs
	}
	return JournalRef{Seq: before + int64(step), Sum: binary.BigEndian.Uint32(src[n:])}, n + 4, nil
}

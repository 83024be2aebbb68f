package engram

import (
	"encoding/binary"
	"errors"
	"math"
)

// Mark is a row of a journal that a reader is done with: its number, and a part
// of its MutationSum, which tells it from another row that took its number after
// the server was restored.
type Mark struct {
	Seq int64
	Sum uint32
}

// Cursor is how far a reader of a mutation journal has come. It is done with
// the rows up to Reread and with those in Recent, and has seen the row Seq. The
// zero value is the beginning of the journal.
type Cursor struct {
	UserID string // of the rows read so far; "" where they have none
	Last   Mark   // the newest row that was read; zero if there is none
	// Reread is where the next reading starts: rows up to here are settled, and
	// above it some may still become visible.
	Reread int64
	// Recent are the rows above Reread that the reader is done with, ascending.
	// Those above Last were read once, and are not in the journal any more.
	Recent []Mark
}

// Start is what the next reading asks for as since: the row at the cursor comes
// again, to see whether the journal is still the same.
func (c Cursor) Start() int64 {
	if c.Last.Seq > 0 {
		return min(c.Reread, c.Last.Seq-1)
	}
	return c.Reread
}

// ErrBadMarks means that bytes are not marks, or not whole.
var ErrBadMarks = errors.New("not a list of marks")

// MaxMarkBytes is how long a mark can be in binary form.
const MaxMarkBytes = binary.MaxVarintLen64 + 4

// AppendMark adds the binary form of m: the distance to the seq before, as a
// uvarint, and the sum in four bytes. Marks are in ascending order, from 1.
func AppendMark(dst []byte, before int64, m Mark) []byte {
	dst = binary.AppendUvarint(dst, uint64(m.Seq-before))
	return binary.BigEndian.AppendUint32(dst, m.Sum)
}

// CutMark reads the first mark in src and says how many bytes it has. A src that
// is not whole, or not ascending, gives ErrBadMarks.
func CutMark(src []byte, before int64) (m Mark, n int, err error) {
	step, n := binary.Uvarint(src)
	if n <= 0 || len(src) < n+4 || step == 0 || step > uint64(math.MaxInt64-before) {
		return Mark{}, 0, ErrBadMarks
	}
	return Mark{Seq: before + int64(step), Sum: binary.BigEndian.Uint32(src[n:])}, n + 4, nil
}

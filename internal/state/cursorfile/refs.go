package cursorfile

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// errBadRefs means that bytes are no list of JournalRefs, or not a whole one.
var errBadRefs = errors.New("not a list of marks")

// maxRefBytes is how long a JournalRef can be in binary form.
const maxRefBytes = binary.MaxVarintLen64 + 4

// appendRef adds the binary form of m: the distance to the seq before, as a
// uvarint, and the sum in four bytes. They stand in ascending order, from 1.
func appendRef(dst []byte, before int64, m engram.JournalRef) []byte {
	dst = binary.AppendUvarint(dst, uint64(m.Seq-before))
	return binary.BigEndian.AppendUint32(dst, m.Sum)
}

// cutRef reads the first JournalRef in src and says how many bytes it has. A src that
// is not whole, or not ascending, gives errBadRefs.
func cutRef(src []byte, before int64) (m engram.JournalRef, n int, err error) {
	step, n := binary.Uvarint(src)
	if n <= 0 || len(src) < n+4 || step == 0 || step > uint64(math.MaxInt64-before) {
		return engram.JournalRef{}, 0, errBadRefs
	}
	return engram.JournalRef{Seq: before + int64(step), Sum: binary.BigEndian.Uint32(src[n:])}, n + 4, nil
}

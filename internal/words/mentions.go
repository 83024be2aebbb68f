package words

import (
	"crypto/sha256"
	"encoding/binary"
	"io"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Mention is one row that a chunk speaks of, and what it says of it, both hashed. Of
// two chunks that say the same of every row that both mention, either may come first.
type Mention struct{ Row, Says uint64 }

// Mentions reads what a chunk mentions: the rows that it has, changes or deletes, the ends
// of its relations, and the sessions of all of these, which have to be there until they
// are deleted. They come in the order in which engram applies them, as those of Read do.
func Mentions(r io.Reader) ([]Mention, error) {
	reader := newWordReader()
	err := reader.read(r)
	words := reader.finish()
	all := make([]Mention, 0, len(words)+len(words)/8+len(reader.ends))
	here := map[Mention]bool{}
	for _, w := range words {
		if session := w.session(); !here[session] {
			here[session] = true
			all = append(all, session)
		}
		all = append(all, w.mention())
	}
	for _, id := range reader.ends {
		all = append(all, mention(engram.RowVersion{Kind: engram.ObservationRow, Row: engram.HashOf(id)}, "related"))
	}
	return all, err
}

// mention is about the row itself. When something was deleted tells deletions apart no
// more than it does for those who import them.
func (w Word) mention() Mention {
	said := binary.BigEndian.AppendUint64(nil, uint64(w.Revision))
	said = binary.BigEndian.AppendUint64(said, uint64(w.Updated))
	said = binary.BigEndian.AppendUint64(said, uint64(w.Review))
	return mention(w.RowVersion, string(append(append(said, w.Content[:]...), byte(w.Says))))
}

// session is about the session that the row belongs to: whether it is to be there.
func (w Word) session() Mention {
	said := "here"
	if w.Kind == engram.SessionRow && w.Says == Removed {
		said = "gone"
	}
	return mention(engram.RowVersion{Row: engram.RowHash(append(w.Session[:], make([]byte, 8)...))}, said)
}

func mention(row engram.RowVersion, said string) Mention {
	short := func(text []byte) uint64 {
		sum := sha256.Sum256(text)
		return binary.BigEndian.Uint64(sum[:])
	}
	return Mention{Row: short(append(row.Row[:], byte(row.Kind))), Says: short([]byte(said))}
}

package engram

import (
	"encoding/json"
	"io"

	"github.com/engram-sync/engram-sync/internal/rowstream"
)

// ReadLists reads the rows of some lists of a chunk as they are written, as a stream
// that looks at each byte once. A row is only good until add returns.
func ReadLists(r io.Reader, add func(list string, index int, row json.RawMessage), lists ...string) error {
	return readLists(r, rowstream.NewLists(lists, false, func(row rowstream.Row) { add(row.List, row.Index, row.Text) }))
}

// ReadMembers is ReadLists for who wants the members of the rows, in the same one look at
// each byte. They too are only good until add returns.
func ReadMembers(r io.Reader, add func(rowstream.Row), lists ...string) error {
	return readLists(r, rowstream.NewLists(lists, true, add))
}

func readLists(r io.Reader, l *rowstream.Lists) error {
	defer l.Free()
	if c, ok := r.(*Chunk); ok && c.size == 0 {
		return c.readLists(l)
	}
	return l.Read(r)
}

// Listen has row hear the rows of some lists while somebody else reads the chunk, whatever for, in the same one look
// at its bytes; a row is only good until row returns. end hears how that ended, once: nil says that row heard all, and
// that the chunk is good; an error of a good chunk (see Verified) is about its lists. Of a chunk that is not read to its
// end, or of which somebody reads the rows of other lists, it hears nothing. Listen is called before the first Read.
func (c *Chunk) Listen(row func(rowstream.Row), end func(error), lists ...string) {
	l := rowstream.NewLists(lists, false, row)
	c.also = &listener{l, row, end}
	c.scan, c.rows = l.Scanner(), l
}

// listener hears of the rows of a chunk that somebody else reads.
type listener struct {
	lists *rowstream.Lists // its own, for who reads the bytes alone
	row   func(rowstream.Row)
	end   func(error)
}

// readLists has the one scan that checks a chunk give out its rows as well.
func (c *Chunk) readLists(l *rowstream.Lists) error {
	if c.also != nil && !l.Also(c.also.lists, c.also.row) {
		c.also.end = func(error) {}
	}
	c.scan, c.rows = l.Scanner(), l
	defer func() { c.rows = nil }()
	if _, err := io.Copy(io.Discard, c); err != nil {
		return err // damage says more
	}
	return l.Err()
}

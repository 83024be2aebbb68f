package engram

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
	"github.com/engram-sync/engram-sync/internal/rowstream"
)

// ReadLists reads the rows of some lists of a chunk as they are written, as a stream
// that looks at each byte once. A row is only good until add returns.
func ReadLists(r io.Reader, add func(list string, index int, row json.RawMessage), lists ...string) error {
	return readLists(r, &listReader{scan: jsonscan.New(2), add: func(r ListedRow) { add(r.List, r.Index, r.Text) }, lists: lists, cutRow: &cutRow{}})
}

// ListedRow is a row of a list of a chunk.
type ListedRow struct {
	List  string
	Index int
	Text  json.RawMessage
	// Members are those of a row that is an object.
	Members []RowMember
}

// RowMember is a member of a row, its value as it is written.
type RowMember struct {
	// Name is as FoldedName gives it; "" where it cannot be read as one, or is longer than
	// any of engram's.
	Name  string
	Value json.RawMessage
}

// FoldedName is the name of a member in small letters: Go's decoder, with which engram
// reads, takes both for the same.
func FoldedName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r == '\u017f': // the long s
			return 's'
		case r == '\u212a': // the sign of kelvin
			return 'k'
		}
		return r
	}, name)
}

// ReadMembers is ReadLists for who wants the members of the rows, in the same one look at
// each byte. They too are only good until add returns.
func ReadMembers(r io.Reader, add func(ListedRow), lists ...string) error {
	l := &listReader{scan: jsonscan.New(3), cuts: true, add: add, lists: lists}
	l.cutRow, _ = cutRows.Get().(*cutRow)
	defer cutRows.Put(l.cutRow)
	return readLists(r, l)
}

// cutRows have grown for the rows of other chunks: most are alike.
var cutRows = sync.Pool{New: func() any { return &cutRow{} }}

func readLists(r io.Reader, l *listReader) error {
	l.next = map[string]int{}
	if c, ok := r.(*Chunk); ok && c.size == 0 {
		return c.readLists(l)
	}
	piece := make([]byte, 64<<10)
	for {
		n, err := r.Read(piece)
		l.take(piece[:n])
		for p := piece[:n]; len(p) > 0; {
			n, event, err := l.scan.Next(p)
			if err == nil {
				err = l.on(event)
			}
			if err != nil {
				return err
			}
			p = p[n:]
		}
		l.taken()
		if err == io.EOF {
			return l.scan.Close()
		}
		if err != nil {
			return err
		}
	}
}

// readLists has the one scan that checks a chunk give out its rows as well.
func (c *Chunk) readLists(l *listReader) error {
	c.scan, c.rows = l.scan, l
	defer func() { c.rows = nil }()
	if _, err := io.Copy(io.Discard, c); err != nil {
		return err
	}
	return l.err
}

type listReader struct {
	scan  *jsonscan.Scanner
	add   func(ListedRow)
	lists []string
	list  string         // the one that is being read; "" in any other member
	next  map[string]int // the index of the next row of each
	inRow bool
	// Offsets in the text: where the row begins, and the piece of it that is at hand.
	rowFrom, pieceFrom int64
	piece              []byte
	err                error // of the rows of a Chunk, whose damage would say more
	*cutRow

	cuts     bool // rows into members
	isObject bool // the row
}

// cutRow is a row as far as it was read.
type cutRow struct {
	row     []byte // what came before the piece
	members []RowMember
	bounds  [][2]int64   // of their values, in the row
	names   []memberName // of the row before, by their places: most rows have the same
}

// take is called before the scanner takes in a piece of the text, and taken after that.
func (l *listReader) take(piece []byte) { l.piece, l.pieceFrom = piece, l.scan.Offset() }

func (l *listReader) taken() {
	if l.inRow {
		l.row = append(l.row, l.here()...)
	}
	l.piece = nil
}

// here is what there is of the row in the piece, up to where the scanner is.
func (l *listReader) here() []byte {
	from, to := max(l.rowFrom, l.pieceFrom)-l.pieceFrom, l.scan.Offset()-l.pieceFrom
	return l.piece[from:to:to]
}

func (l *listReader) on(event jsonscan.Event) error {
	switch depth := l.scan.Depth(); {
	case event == jsonscan.More || depth == 3 && !l.isObject:
	case depth == 3:
		l.onMember(event)
	case event == jsonscan.Begin && depth == 0 && l.scan.Kind() != jsonscan.Object:
		return errors.New("not an object")
	case event == jsonscan.Key && depth == 1:
		name, _ := jsonscan.Unquote(l.scan.Key()) // one that cannot be read is none of ours
		l.list = jsonscan.Alike(name, l.lists)    // in any case, as for engram
	case event == jsonscan.Begin && depth == 1 && l.list != "" && l.scan.Kind() != jsonscan.Array:
		if l.scan.Kind() != jsonscan.Null {
			return fmt.Errorf("%s: not a list", l.list)
		}
	case event == jsonscan.Begin && depth == 2 && l.list != "":
		if l.next[l.list] == rowstream.MaxRows {
			return fmt.Errorf("%s: more than %d rows", l.list, rowstream.MaxRows)
		}
		l.begin()
	case event == jsonscan.End && depth == 2 && l.inRow:
		l.end()
	}
	return nil
}

func (l *listReader) begin() {
	l.inRow, l.row, l.rowFrom = true, l.row[:0], l.scan.Offset()
	l.isObject = l.cuts && l.scan.Kind() == jsonscan.Object
	l.members, l.bounds = l.members[:0], l.bounds[:0]
}

// onMember notes where a member stands in the row.
func (l *listReader) onMember(event jsonscan.Event) {
	at := l.scan.Offset() - l.rowFrom
	switch event {
	case jsonscan.Key:
		l.members = append(l.members, RowMember{Name: l.name(len(l.members), l.scan.Key())})
	case jsonscan.Begin:
		l.bounds = append(l.bounds, [2]int64{at})
	case jsonscan.End:
		l.bounds[len(l.bounds)-1][1] = at
	}
}

// memberName is the name of a member, and how it is written.
type memberName struct {
	key  []byte
	name string
}

// maxNames bounds how many names are kept: no row of engram's has so many.
const maxNames = 64

// name reads the name of the member at a place.
func (l *listReader) name(at int, key []byte) string {
	if at < len(l.names) && bytes.Equal(l.names[at].key, key) {
		return l.names[at].name
	}
	name, err := jsonscan.MemberName(key)
	if err != nil {
		return ""
	}
	name = FoldedName(name)
	switch {
	case at < len(l.names):
		l.names[at].key, l.names[at].name = append(l.names[at].key[:0], key...), name
	case at == len(l.names) && at < maxNames:
		l.names = append(l.names, memberName{slices.Clone(key), name})
	}
	return name
}

func (l *listReader) end() {
	text := l.here()
	if len(l.row) > 0 {
		l.row = append(l.row, text...)
		text = l.row
	}
	for i, b := range l.bounds {
		l.members[i].Value = text[b[0]:b[1]]
	}
	l.add(ListedRow{l.list, l.next[l.list], text, l.members})
	l.next[l.list]++
	l.inRow, l.isObject = false, false
}

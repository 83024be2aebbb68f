package rowstream

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// Row is a row of a list of a chunk. It is only good as long as whoever gets it does not return.
type Row struct {
	List  string
	Index int
	Text  json.RawMessage
	// Members are those of a row that is an object, where rows are cut into them.
	Members []Member
}

// Member is a member of a row, its value as it is written.
type Member struct {
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

// Lists gives out the rows of some lists of a chunk. Either Read reads the text, or whoever
// has to scan it anyway lets the Scanner do it, and tells of each piece by Take and Taken,
// and of what it meets there by On. Free is called in the end.
type Lists struct {
	scan  *jsonscan.Scanner
	add   func(Row)
	lists []string
	list  string         // the one that is being read; "" in any other member
	next  map[string]int // the index of the next row of each
	inRow bool
	// Offsets in the text: where the row begins, and the piece of it that is at hand.
	rowFrom, pieceFrom int64
	piece              []byte
	err                error
	*cutRow

	cuts     bool // rows into members
	isObject bool // the row
}

// cutRow is a row as far as it was read.
type cutRow struct {
	row     []byte // what came before the piece
	members []Member
	bounds  [][2]int64   // of their values, in the row
	names   []memberName // of the row before, by their places: most rows have the same
}

// cutRows have grown for the rows of other chunks: most are alike.
var cutRows = sync.Pool{New: func() any { return &cutRow{} }}

// NewLists gives the rows of the lists of these names to add, and cuts them into members if
// it shall: all in one look at each byte.
func NewLists(names []string, cuts bool, add func(Row)) *Lists {
	depth := 2 // of the rows
	if cuts {
		depth++
	}
	l := &Lists{scan: jsonscan.New(depth), cuts: cuts, add: add, lists: names, next: map[string]int{}}
	l.cutRow, _ = cutRows.Get().(*cutRow)
	return l
}

// Also gives the rows to somebody else besides, if they are those of the same lists as of the others.
func (l *Lists) Also(other *Lists, add func(Row)) bool {
	if !slices.Equal(l.lists, other.lists) {
		return false
	}
	first := l.add
	l.add = func(r Row) { first(r); add(r) }
	return true
}

// Free says that nothing more is read.
func (l *Lists) Free() {
	cutRows.Put(l.cutRow)
	l.cutRow = nil
}

// Scanner is the one whose events On needs.
func (l *Lists) Scanner() *jsonscan.Scanner { return l.scan }

// Err says what is wrong with the lists, besides what the scanner says. From then on no
// row is given out.
func (l *Lists) Err() error { return l.err }

// Read reads the text to its end.
func (l *Lists) Read(r io.Reader) error {
	piece := make([]byte, 64<<10)
	for {
		n, err := r.Read(piece)
		l.Take(piece[:n])
		for p := piece[:n]; len(p) > 0; {
			n, event, err := l.scan.Next(p)
			l.On(event)
			if err := cmp.Or(err, l.err); err != nil {
				return err
			}
			p = p[n:]
		}
		l.Taken()
		if err == io.EOF {
			return l.scan.Close()
		}
		if err != nil {
			return err
		}
	}
}

// Take is called before the scanner takes in a piece of the text, and Taken after that.
func (l *Lists) Take(piece []byte) { l.piece, l.pieceFrom = piece, l.scan.Offset() }

// Taken ends what Take began.
func (l *Lists) Taken() {
	if l.inRow {
		l.row = append(l.row, l.here()...)
	}
	l.piece = nil
}

// here is what there is of the row in the piece, up to where the scanner is.
func (l *Lists) here() []byte {
	from, to := max(l.rowFrom, l.pieceFrom)-l.pieceFrom, l.scan.Offset()-l.pieceFrom
	return l.piece[from:to:to]
}

// On hears what the scanner meets.
func (l *Lists) On(event jsonscan.Event) {
	if event != jsonscan.More && l.err == nil {
		l.err = l.on(event)
	}
}

func (l *Lists) on(event jsonscan.Event) error {
	switch depth := l.scan.Depth(); {
	case depth == 3 && !l.isObject:
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
		if l.next[l.list] == MaxRows {
			return fmt.Errorf("%s: more than %d rows", l.list, MaxRows)
		}
		l.begin()
	case event == jsonscan.End && depth == 2 && l.inRow:
		l.end()
	}
	return nil
}

func (l *Lists) begin() {
	l.inRow, l.row, l.rowFrom = true, l.row[:0], l.scan.Offset()
	l.isObject = l.cuts && l.scan.Kind() == jsonscan.Object
	l.members, l.bounds = l.members[:0], l.bounds[:0]
}

// onMember notes where a member stands in the row.
func (l *Lists) onMember(event jsonscan.Event) {
	at := l.scan.Offset() - l.rowFrom
	switch event {
	case jsonscan.Key:
		l.members = append(l.members, Member{Name: l.name(len(l.members), l.scan.Key())})
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
func (l *Lists) name(at int, key []byte) string {
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

func (l *Lists) end() {
	text := l.here()
	if len(l.row) > 0 {
		l.row = append(l.row, text...)
		text = l.row
	}
	for i, b := range l.bounds {
		l.members[i].Value = text[b[0]:b[1]]
	}
	l.add(Row{l.list, l.next[l.list], text, l.members})
	l.next[l.list]++
	l.inRow, l.isObject = false, false
}

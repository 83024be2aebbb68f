package engram

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// ReadLists reads the rows of some lists of a chunk as they are written, as a stream
// that looks at each byte once. A row is only good until add returns.
func ReadLists(r io.Reader, add func(list string, index int, row json.RawMessage), lists ...string) error {
	l := listReader{scan: jsonscan.New(2), add: add, lists: lists, next: map[string]int{}}
	piece := make([]byte, 64<<10)
	for {
		n, err := r.Read(piece)
		if err := l.take(piece[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			return l.scan.Close()
		}
		if err != nil {
			return err
		}
	}
}

type listReader struct {
	scan  *jsonscan.Scanner
	add   func(list string, index int, row json.RawMessage)
	lists []string
	list  string         // the one that is being read; "" in any other member
	next  map[string]int // the index of the next row of each
	inRow bool
	row   []byte
}

// take takes in a piece of the text.
func (l *listReader) take(p []byte) error {
	for len(p) > 0 {
		n, event, err := l.scan.Next(p)
		if err != nil {
			return err
		}
		if l.inRow {
			l.row = append(l.row, p[:n]...)
		}
		p = p[n:]
		if err := l.on(event); err != nil {
			return err
		}
	}
	return nil
}

func (l *listReader) on(event jsonscan.Event) error {
	switch depth := l.scan.Depth(); {
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
		if l.next[l.list] == maxRows {
			return fmt.Errorf("%s: more than %d rows", l.list, maxRows)
		}
		l.inRow, l.row = true, l.row[:0]
	case event == jsonscan.End && depth == 2 && l.inRow:
		l.inRow = false
		l.add(l.list, l.next[l.list], l.row)
		l.next[l.list]++
	}
	return nil
}

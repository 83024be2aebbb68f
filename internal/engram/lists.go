package engram

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
	"github.com/engram-sync/engram-sync/internal/rowstream"
)

// ReadLists reads the rows of some lists of a chunk as they are written, as a stream
// that looks at each byte once. A row is only good until add returns.
func ReadLists(r io.Reader, add func(list string, index int, row json.RawMessage), lists ...string) error {
	l := listReader{scan: jsonscan.New(2), add: add, lists: lists, next: map[string]int{}}
	if c, ok := r.(*Chunk); ok && c.size == 0 {
		return c.readLists(&l)
	}
	piece := make([]byte, 64<<10)
	for {
		n, err := r.Read(piece)
		for p := piece[:n]; len(p) > 0; {
			n, event, err := l.scan.Next(p)
			if err == nil {
				err = l.took(p[:n], event)
			}
			if err != nil {
				return err
			}
			p = p[n:]
		}
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
	if _, err := io.Copy(io.Discard, c); err != nil {
		return err
	}
	return l.err
}

type listReader struct {
	scan  *jsonscan.Scanner
	add   func(list string, index int, row json.RawMessage)
	lists []string
	list  string         // the one that is being read; "" in any other member
	next  map[string]int // the index of the next row of each
	inRow bool
	row   []byte
	err   error // of the rows of a Chunk, whose damage would say more
}

// took hears what the scanner has taken in, up to an event.
func (l *listReader) took(p []byte, event jsonscan.Event) error {
	if l.inRow {
		l.row = append(l.row, p...)
	}
	return l.on(event)
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
		if l.next[l.list] == rowstream.MaxRows {
			return fmt.Errorf("%s: more than %d rows", l.list, rowstream.MaxRows)
		}
		l.inRow, l.row = true, l.row[:0]
	case event == jsonscan.End && depth == 2 && l.inRow:
		l.inRow = false
		l.add(l.list, l.next[l.list], l.row)
		l.next[l.list]++
	}
	return nil
}

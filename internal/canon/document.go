package canon

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// Document is a chunk that was taken apart.
type Document struct {
	// Members are the texts of all that are no lists of rows, and may be those of lists:
	// each is one JSON value.
	Members map[string][]byte
	// Rows are those of lists.
	Rows map[string]iter.Seq[[]byte]
	// Size is about that of its canonical form, 0 if nobody knows.
	Size int

	isNull bool // by the server's mistake that is a document too (3.1)
}

// names are those of all members, in order.
func (d Document) names() []string {
	return slices.Sorted(func(yield func(string) bool) {
		for name := range d.Members {
			if !yield(name) {
				return
			}
		}
		for name := range d.Rows {
			if !yield(name) {
				return
			}
		}
	})
}

func (d Document) has(name string) bool { return d.Members[name] != nil || d.Rows[name] != nil }

// parse splits a document into the texts of its members; of two with one name,
// the last wins.
func parse(data []byte) (Document, error) {
	d := Document{Members: map[string][]byte{}, Size: len(data) + len(data)/8}
	scan := jsonscan.New(1)
	name, from := "", 0
	for at := 0; at < len(data); {
		n, event, err := scan.Next(data[at:])
		if err != nil {
			return d, notAnObject(err)
		}
		before := at
		at += n
		switch depth := scan.Depth(); {
		case event == jsonscan.Key:
			open := before + bytes.IndexByte(data[before:at], '"')
			text, _ := jsonscan.AppendText(nil, data[open+1:at-1])
			name = string(text)
		case event == jsonscan.Begin && depth == 0:
			if d.isNull = scan.Kind() == jsonscan.Null; !d.isNull && scan.Kind() != jsonscan.Object {
				return d, notAnObject(errors.New("it is another value"))
			}
		case event == jsonscan.Begin:
			from = at
		case event == jsonscan.End && depth == 1:
			d.Members[name] = data[from:at]
		}
	}
	if err := scan.Close(); err != nil {
		return d, notAnObject(err)
	}
	return d, nil
}

func notAnObject(err error) error { return fmt.Errorf("the chunk is not a JSON object: %w", err) }

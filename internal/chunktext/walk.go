// Package chunktext is the texts in a chunk: it gives each with the row that it stands in, and puts other words
// in the place of some, so that every other byte stays. Whoever looks for what should not be there calls it.
package chunktext

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Row is one row of a chunk.
type Row struct {
	List  string // "sessions", "observations", "prompts", "mutations", or another that engram may come to have
	Index int
	// ID is the sync_id, the id of a session, the entity_key of a mutation; "" where the row has none.
	ID, Title string
}

// Lists are those of the chunks of today.
func Lists() []string { return []string{"sessions", "observations", "prompts", "mutations"} }

// Kind is what people call a row of the list.
func (r Row) Kind() string {
	switch r.List {
	case "observations":
		return "memory"
	case "":
		return "chunk"
	}
	return strings.TrimSuffix(r.List, "s")
}

// Text is a text of a row. A mutation's payload, which is JSON in JSON, is the texts in it.
type Text struct {
	Row   *Row
	Field string // such as "content", or "payload.content"
	Value string
}

// Span is Value[Start:End] of a text.
type Span struct{ Start, End int }

var errNotJSON = errors.New("it is not JSON")

// Each gives the texts of one row, which is valid JSON.
func Each(list string, index int, row []byte, visit func(Text)) {
	edit(row, &Row{List: list, Index: index}, func(t Text) []Span { visit(t); return nil })
}

// find gives the spans of a text that something is wrong with, in order and apart from each other.
type find func(Text) []Span

// Replace gives the chunk with other words in the place of all that find names, and how many places these
// are. Where it names nothing, the chunk itself is given.
func Replace(chunk []byte, with string, find func(Text) []Span) (changed []byte, places int, err error) {
	if !json.Valid(chunk) {
		return nil, 0, errNotJSON
	}
	var cuts []cut
	objectEach(chunk, skipBlank(chunk, 0), func(list string, start, end int) {
		if chunk[start] != '[' {
			cuts = append(cuts, editValue(chunk, start, &Row{}, list, find)...)
			return
		}
		index := 0
		arrayEach(chunk, start, func(start, end int) {
			cuts = append(cuts, moved(edit(chunk[start:end], &Row{List: list, Index: index}, find), start)...)
			index++
		})
	})
	if len(cuts) == 0 {
		return chunk, 0, nil
	}
	var b bytes.Buffer
	at := 0
	for _, c := range cuts {
		b.Write(chunk[at:c.start])
		b.WriteString(escaped(with, c.depth))
		at = c.end
	}
	b.Write(chunk[at:])
	return b.Bytes(), len(cuts), nil
}

// cut is a part of a document that goes, within so many strings.
type cut struct{ start, end, depth int }

func moved(cuts []cut, by int) []cut {
	for i := range cuts {
		cuts[i].start += by
		cuts[i].end += by
	}
	return cuts
}

// edit gives the cuts in a row, whose identity it reads first.
func edit(text []byte, row *Row, find find) []cut {
	start := skipBlank(text, 0)
	if text[start] == '{' {
		names := map[string]string{}
		objectEach(text, start, func(name string, start, end int) {
			switch name {
			case "id", "sync_id", "entity_key", "title":
				if text[start] == '"' {
					names[name] = decode(text[start+1 : end-1]).text
				}
			}
		})
		row.Title = names["title"]
		for _, id := range []string{"id", "entity_key", "sync_id"} {
			row.ID = cmp.Or(names[id], row.ID)
		}
	}
	return editValue(text, start, row, "", find)
}

// editValue gives the cuts in a value and what is in it.
func editValue(text []byte, start int, row *Row, field string, find find) (cuts []cut) {
	switch text[start] {
	case '{':
		objectEach(text, start, func(name string, start, _ int) {
			if field != "" {
				name = field + "." + name
			}
			cuts = append(cuts, editValue(text, start, row, name, find)...)
		})
	case '[':
		index := 0
		arrayEach(text, start, func(start, _ int) {
			cuts = append(cuts, editValue(text, start, row, field+"["+strconv.Itoa(index)+"]", find)...)
			index++
		})
	case '"':
		end := skip(text, start)
		return moved(editString(text[start+1:end-1], row, field, find), start+1)
	}
	return cuts
}

// editString gives the cuts in what stands between the quotes of a string.
func editString(raw []byte, row *Row, field string, find find) (cuts []cut) {
	s := decode(raw)
	if row.List == "mutations" && field == "payload" && strings.HasPrefix(s.text, "{") && json.Valid([]byte(s.text)) {
		inner := editValue([]byte(s.text), 0, row, field, find)
		for _, c := range inner {
			cuts = append(cuts, cut{s.place(c.start), s.place(c.end), c.depth + 1})
		}
		return cuts
	}
	spans := slices.Clone(find(Text{row, field, s.text}))
	for _, span := range spans {
		if span.Start < span.End {
			cuts = append(cuts, cut{s.place(span.Start), s.place(span.End), 1})
		}
	}
	return cuts
}

// escaped is a text as it stands in a string that is in a string, and so on.
func escaped(text string, depth int) string {
	for range depth {
		quoted, _ := json.Marshal(text) // a string always can be
		text = string(quoted[1 : len(quoted)-1])
	}
	return text
}

package merge

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// layout is a manifest's text without what it says: how its members and
// entries are written. Line ends are "\n" in it, whatever the file has.
type layout struct {
	// gaps stand before the value of each member, names in them, and behind the last.
	gaps  []string
	names []string
	list  listLayout
	eol   string // "\n" or "\r\n"; "" in a text of one line
}

// listLayout is the white space in the list of entries. A list without entries
// shows none.
type listLayout struct {
	known                bool
	open, between, close string
}

// engramList is how engram writes the list.
var engramList = listLayout{known: true, open: "\n    ", between: "\n    ", close: "\n  "}

// document is a manifest taken apart, so that it can be put together anew.
type document struct {
	layout
	version int
	values  map[string]string // of the members besides version and chunks
	entries []*entryText
}

// entryText is an entry as it is written. One that is not engram's has no id.
type entryText struct {
	engram.ChunkEntry
	claims string // what one that is not engram's calls itself
	text   string
	theirs string // what the other side of a conflict says; "" where there is none
}

// takeApart parses a manifest strictly, and takes its text apart.
func takeApart(text []byte) (*document, error) {
	eol := ""
	switch {
	case bytes.Contains(text, []byte("\r\n")):
		eol = "\r\n"
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	case bytes.Contains(text, []byte("\n")):
		eol = "\n"
	}
	m, parts, err := engram.ParseManifestParts(text)
	if err != nil {
		return nil, err
	}
	whole := string(text)
	d := &document{version: m.Version(), values: map[string]string{}, layout: layout{eol: eol}}
	at := 0
	for _, member := range parts.Members {
		d.gaps = append(d.gaps, whole[at:member.At])
		d.names = append(d.names, member.Name)
		at = member.End()
		switch member.Name {
		case "version":
		case "chunks":
			d.takeList(whole, member, parts.Entries, m)
		default:
			d.values[member.Name] = whole[member.At:at]
		}
	}
	d.gaps = append(d.gaps, whole[at:])
	return d, nil
}

// takeList takes over the entries, and looks at the white space around the first ones.
func (d *document) takeList(text string, list jsonscan.Member, parts []engram.Part, m *engram.Manifest) {
	if len(parts) == 0 {
		return
	}
	entries, rejected := m.Entries(), m.Rejected()
	texts := make([]entryText, len(parts)) // in one piece
	for i, part := range parts {
		e := &texts[i]
		e.text = text[part.From:part.To]
		if len(rejected) > 0 && rejected[0].Place == i {
			e.claims, rejected = rejected[0].ID, rejected[1:]
		} else {
			e.ChunkEntry, entries = entries[0], entries[1:]
		}
		d.entries = append(d.entries, e)
	}
	open := text[list.At+1 : parts[0].From]
	d.list = listLayout{known: true, open: open, between: open, close: text[parts[len(parts)-1].To : list.End()-1]}
	if len(parts) > 1 {
		_, d.list.between, _ = strings.Cut(text[parts[0].To:parts[1].From], ",")
	}
}

// addMember makes room for a member behind the others, written as in another
// layout.
func (l *layout) addMember(name string, from layout) {
	last := len(l.gaps) - 1
	end := l.gaps[last]
	l.gaps[last] = ",\n  " + strings.TrimLeft(from.gaps[slices.Index(from.names, name)], ", \t\r\n{")
	l.gaps, l.names = append(l.gaps, end), append(l.names, name)
}

// bytes puts the document together.
func (d *document) bytes() []byte {
	var out bytes.Buffer
	out.Grow(d.room())
	for i, name := range d.names {
		out.WriteString(d.gaps[i])
		switch name {
		case "version":
			out.WriteString(strconv.Itoa(d.version))
		case "chunks":
			d.writeList(&out)
		default:
			out.WriteString(d.values[name])
		}
	}
	out.WriteString(d.gaps[len(d.names)])
	if d.eol == "\r\n" {
		return bytes.ReplaceAll(out.Bytes(), []byte("\n"), []byte("\r\n"))
	}
	return out.Bytes()
}

// room is about how many bytes the text takes.
func (d *document) room() int {
	n := bytes.MinRead
	for _, e := range d.entries {
		n += len(e.text) + len(d.list.between) + len(",")
	}
	return n
}

func (d *document) writeList(out *bytes.Buffer) {
	if len(d.entries) == 0 {
		out.WriteString("[]")
		return
	}
	list := d.list
	if !list.known && d.eol != "" {
		list = engramList
	}
	out.WriteString("[")
	space := list.open
	for i, e := range d.entries {
		comma := ","
		if i == len(d.entries)-1 {
			comma, list.between = "", list.close
		}
		if e.theirs == "" {
			out.WriteString(space)
			out.WriteString(e.text)
			out.WriteString(comma)
			space = list.between
			continue
		}
		// The markers need lines of their own, and the comma belongs to both sides.
		indent := space[strings.LastIndex(space, "\n")+1:]
		out.WriteString(strings.TrimSuffix(strings.TrimSuffix(space, indent), "\n") + "\n")
		out.WriteString(conflictText(indent+e.text+comma, indent+e.theirs+comma, markerSize))
		space = strings.TrimPrefix(list.between, "\n")
	}
	out.WriteString(space + "]")
}

// manifest is the document as a manifest again.
func (d *document) manifest() (*engram.Manifest, error) { return engram.ParseManifest(d.bytes()) }

package engram

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// ParseManifest reads the text of manifest.json strictly: anything that engram
// and we could understand differently is a *ManifestError that names the place. An
// entry that is not engram's stands in Rejected, and does not stop the others, as
// people and agents write such ones; but one with two values for a member is the
// work of a merge, and an error.
func ParseManifest(text []byte) (*Manifest, error) {
	return (&manifestParser{text: text, m: &Manifest{text: text}}).parse()
}

// ReadServerManifest reads the manifest that a server gives. A bad entry does
// not stop the others: see Rejected. Of two entries with one id the first counts. The
// text is not kept: the manifest has no Bytes, and no other is made of it. An error of r
// comes as it is; where the text ends too early, it wraps io.ErrUnexpectedEOF. size is how many bytes
// the text claims to have, 0 where it makes no claim: then its room need not grow.
func ReadServerManifest(r io.Reader, size int64) (*Manifest, error) {
	m := &Manifest{entries: make([]ChunkEntry, 0, size/usualEntryBytes)}
	return (&manifestParser{pieces: &pieces{r: r}, m: m, lenient: true}).parse()
}

// Parts are where in the text of a manifest its parts stand.
type Parts struct {
	Members []jsonscan.Member // of the manifest itself, without From
	Entries []Part            // of the list, also those that could not be taken
}

// Part is a range of bytes.
type Part struct{ From, To int }

// ParseManifestParts is ParseManifest for whoever takes the text apart.
func ParseManifestParts(text []byte) (*Manifest, *Parts, error) {
	p := manifestParser{text: text, m: &Manifest{text: text}, parts: &Parts{}}
	m, err := p.parse()
	return m, p.parts, err
}

// manifestMembers are the names of the members that engram knows.
var manifestMembers = []string{"version", "chunks"}

// minEntryBytes is less than an entry with its six members takes, so that no
// text gets more memory set aside than it could fill.
const minEntryBytes = 64

// usualEntryBytes is about what a short one takes, as servers write it.
const usualEntryBytes = 108

// maxRejected bounds what a manifest of this machine may hold beside entries, and maxRefused
// one of a server: a text of nothing else would take much more memory than itself.
const (
	maxRejected = 1 << 14
	maxRefused  = 1 << 17
)

type manifestParser struct {
	text    []byte // all of it, or what is at hand
	pieces  *pieces
	m       *Manifest
	lenient bool
	parts   *Parts // nil: nobody wants to know
	place   int    // of the entry at hand, in the list

	scan    *jsonscan.Scanner
	authors authors
	at      int
	name    string         // of the member at hand
	from    int            // where the value at hand begins
	top     int            // where that of the member at hand does
	held    bool           // somebody will look at the text of that value
	seen    map[string]int // member name to the byte behind it
}

// BOM is what some editors put before a text.
var BOM = []byte("\ufeff")

func (p *manifestParser) parse() (*Manifest, error) {
	if _, err := p.more(); err != nil {
		return nil, err
	}
	if bytes.HasPrefix(p.text, BOM) {
		return nil, p.fail(0, ErrBOM)
	}
	if p.pieces == nil {
		if at := findMarker(p.text); at >= 0 {
			return nil, p.fail(at, ErrConflictMarkers)
		}
		if !utf8.Valid(p.text) {
			at := findLine(p.text, func(line []byte) bool { return !utf8.Valid(line) })
			return nil, p.fail(at, errNotUTF8)
		}
		p.m.entries = make([]ChunkEntry, 0, min(bytes.Count(p.text, []byte("{")), len(p.text)/minEntryBytes))
	}
	p.scan, p.seen, p.authors, p.m.index = jsonscan.New(2), map[string]int{}, authors{}, make(map[ChunkID]int32, cap(p.m.entries))
	if p.parts != nil {
		p.parts.Entries = make([]Part, 0, cap(p.m.entries))
	}
	for {
		if p.at == len(p.text) {
			if more, err := p.more(); err != nil {
				return nil, err
			} else if !more {
				break
			}
		}
		n, event, err := p.scan.Next(p.text[p.at:])
		p.at += n
		if err != nil {
			return nil, p.failSyntax(err)
		}
		if err := p.event(event); err != nil {
			return nil, err
		}
	}
	if err := p.scan.Close(); err != nil && p.pieces != nil {
		return nil, fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, p.failSyntax(err))
	} else if err != nil {
		return nil, p.failSyntax(err)
	}
	if p.seen["chunks"] == 0 {
		return nil, p.fail(0, errors.New(`"chunks" is missing`))
	}
	if p.lenient && p.seen["version"] == 0 { // every server says it, and who does not is none
		return nil, p.fail(0, errors.New(`"version" is missing`))
	}
	return p.m, nil
}

func (p *manifestParser) event(event jsonscan.Event) error {
	depth := p.scan.Depth()
	switch {
	case event == jsonscan.Begin && depth == 2 && p.name == "chunks":
		if len(p.text)-p.at < longPlainEntry {
			if _, err := p.more(); err != nil {
				return err
			}
		}
		if e, n, ok := plainEntry(p.text[p.at:], p.authors); ok {
			p.from, p.at = p.at, p.at+n
			p.scan.Skip(n)
			return p.take(e, nil)
		}
		return p.begin(depth)
	case event == jsonscan.Begin:
		return p.begin(depth)
	case event == jsonscan.Key && depth == 1:
		return p.key()
	case event == jsonscan.End && depth == 1:
		return p.member()
	case event == jsonscan.End && depth == 2 && p.name == "chunks":
		return p.take(ParseEntry(p.text[p.from:p.at]))
	}
	return nil
}

func (p *manifestParser) begin(depth int) error {
	p.from, p.held = p.at, depth == 2 && p.name == "chunks" || depth == 1 && p.name == "version"
	if depth == 1 {
		p.top = p.at
	}
	kind := p.scan.Kind()
	switch {
	case depth == 0 && kind != jsonscan.Object:
		return p.fail(p.at, errors.New("not a JSON object"))
	case depth == 1 && p.name == "chunks":
		p.m.chunksSpan.from = p.at
		if kind != jsonscan.Array && kind != jsonscan.Null {
			return p.fail(p.at, errors.New(`"chunks" is not a list`))
		}
	}
	return nil
}

func (p *manifestParser) key() error {
	name, err := jsonscan.Unquote(p.scan.Key())
	if err == nil && p.parts != nil && len(p.scan.Key()) > jsonscan.MaxKey {
		err = fmt.Errorf("a member name is longer than %d bytes", jsonscan.MaxKey)
	}
	if err != nil {
		return p.fail(p.at, err)
	}
	switch first := p.seen[name]; {
	case first > 0 && p.pieces != nil:
		return p.fail(p.at, fmt.Errorf("%q %w", name, ErrTwice))
	case first > 0:
		return p.fail(p.at, fmt.Errorf("%q %w (first on line %d)", name, ErrTwice, p.line(first)))
	}
	p.m.listFirst = p.m.listFirst || name == "chunks" && len(p.seen) == 0
	if name != "version" && name != "chunks" {
		if err := refuseVariant(name, manifestMembers); err != nil {
			return p.fail(p.at, err)
		}
	}
	p.name, p.seen[name] = name, p.at
	return nil
}

// member takes over a member of the manifest itself.
func (p *manifestParser) member() error {
	switch p.name {
	case "version":
		p.held = false
		p.m.versionSpan = span{p.from, p.at}
		version, ok := ParseVersion(string(p.text[p.from:p.at]))
		if !ok {
			return p.fail(p.from, errors.New(`"version" is not a whole number`))
		}
		p.m.version = version
	case "chunks":
		p.m.chunksSpan.to = p.at
	}
	if p.parts != nil {
		p.parts.Members = append(p.parts.Members, jsonscan.Member{Name: p.name, Value: p.text[p.top:p.at], At: p.top})
	}
	p.name = ""
	return nil
}

// ParseVersion reads the value of "version". null says no more than none does, and
// every later version is one. Source: engram-2.md 2.1.
func ParseVersion(value string) (version int, ok bool) {
	if value == "null" {
		return 0, true
	}
	version, err := strconv.Atoi(value)
	return version, err == nil && version >= 0
}

// take takes the entry that was read, or what is wrong with it.
func (p *manifestParser) take(e ChunkEntry, err error) error {
	m, text, place := p.m, p.text[p.from:p.at], p.place
	m.lastEntry, p.place, p.held = p.at, place+1, false
	if p.parts != nil {
		p.parts.Entries = append(p.parts.Entries, Part{p.from, p.at})
	}
	if err == nil {
		first, again := m.index[e.ID]
		switch {
		case !again:
			m.index[e.ID] = int32(len(m.entries))
			m.entries = append(m.entries, e)
			return nil
		case p.lenient:
			return nil
		}
		err = fmt.Errorf("%s %w (first as entry %d)", e.ID, ErrTwice, first+1)
	}
	if !p.lenient && (errors.Is(err, ErrTwice) || len(m.rejected) == maxRejected) || len(m.rejected) == maxRefused {
		return &ManifestError{Line: p.line(p.from), Entry: place + 1, Err: err}
	}
	r := RejectedEntry{ID: claimedID(text), Err: err, Place: place, Text: string(text)}
	m.rejected = append(m.rejected, r)
	if m.claimed == nil {
		m.claimed = map[string]bool{}
	}
	m.claimed[r.ID] = true
	return nil
}

// claimedID is what a bad entry calls itself, if that can be told.
func claimedID(text []byte) string {
	members, err := splitObject(text)
	if err != nil {
		return ""
	}
	for _, m := range members {
		if m.Name == "id" {
			if id, err := stringOf(m.Value); err == nil {
				return id[:min(len(id), 64)]
			}
		}
	}
	return ""
}

func (p *manifestParser) fail(at int, err error) error {
	return &ManifestError{Line: p.line(at), Err: err}
}

func (p *manifestParser) failSyntax(err error) error {
	at := int(p.scan.Offset())
	if p.pieces != nil {
		at -= p.pieces.before
	}
	return &ManifestError{Line: p.line(at), Err: err}
}

// line is the number of the line, from 1, that the byte stands on.
func (p *manifestParser) line(at int) int {
	line := 1 + bytes.Count(p.text[:at], []byte("\n"))
	if p.pieces != nil {
		line += p.pieces.lines
	}
	return line
}

// findLine gives where the first line begins that is so, or -1.
func findLine(text []byte, so func(line []byte) bool) int {
	at := 0
	for line := range bytes.Lines(text) {
		if so(line) {
			return at
		}
		at += len(line)
	}
	return -1
}

// findMarker gives where the first line begins that git writes between the sides of a
// conflict, or -1.
func findMarker(text []byte) int {
	first := -1
	for _, marker := range []string{"<<<<<<<", "=======", ">>>>>>>", "|||||||"} {
		for at := 0; ; at++ { // a text has few of them, and many line ends
			next := bytes.Index(text[at:], []byte(marker))
			if next < 0 {
				break
			}
			if at += next; at == 0 || text[at-1] == '\n' {
				if first < 0 || at < first {
					first = at
				}
				break
			}
		}
	}
	return first
}

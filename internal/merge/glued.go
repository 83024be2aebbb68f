package merge

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// recoverGlued reads what git's union merge makes of two manifests: the lines
// of both, those that they share only once. Such a text has objects with the
// members of several entries, often with the same name, and need not even be
// JSON, as commas can be missing. cause is what is wrong with it; where the text
// does not look like the work of a merge, that is the error.
func recoverGlued(text []byte, cause error) (Recovery, error) {
	r, err := unglue(text, cause)
	if err != nil && errors.Is(cause, engram.ErrTwice) {
		return r, &engram.ManifestError{Err: errors.New("it cannot be recovered: " + cause.Error())} // which ErrTwice could
	}
	return r, err
}

func unglue(text []byte, cause error) (Recovery, error) {
	lines := bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	tokens, ok := lex(lines)
	if !ok || len(tokens) == 0 || tokens[len(tokens)-1].kind != '}' {
		return Recovery{}, cause // it is cut off, or something else
	}
	p := unionMergeParser{text: lines, tokens: tokens, consistent: true}
	if p.read(); p.bare {
		return Recovery{}, cause // it would be lost
	}
	found, foreign := p.entries()
	skeleton, err := p.skeleton(string(text[len(bytes.TrimRight(text, "\r\n")):]))
	if err != nil {
		return Recovery{}, cause
	}
	r := Recovery{Cause: cause, Doubts: map[engram.ChunkID]Doubt{}}
	var entries []engram.ChunkEntry
	for id, e := range found {
		entries = append(entries, e.ChunkEntry)
		r.note(id, e.Doubt)
	}
	if r.Manifest, err = skeleton.With(0, entries...); err == nil && len(foreign) > 0 {
		r.Manifest, err = withForeign(r.Manifest, foreign)
	}
	if err != nil || !bytes.Contains(text, []byte("\r\n")) {
		return r, err
	}
	r.Manifest, err = engram.ParseManifest(bytes.ReplaceAll(r.Manifest.Bytes(), []byte("\n"), []byte("\r\n")))
	return r, err
}

// frame is an object of a glued text: its members, some of which can stand
// there more than once.
type frame struct {
	names    []string
	values   map[string][]string
	from, to int // where it stands in the text; to is 0 where its end was lost
}

func (f *frame) add(name, value string) {
	if f.values == nil {
		f.values = map[string][]string{}
	}
	if _, ok := f.values[name]; !ok {
		f.names = append(f.names, name)
	}
	f.values[name] = append(f.values[name], value)
}

func (f *frame) isEntry() bool    { return len(f.values["id"]) > 0 }
func (f *frame) isManifest() bool { return len(f.values["version"])+len(f.values["chunks"]) > 0 }

// unionMergeParser reads the tokens of a glued text.
type unionMergeParser struct {
	text   []byte
	tokens []token
	at     int
	open   []*frame
	closed []*frame
	bare   bool // a value stands outside of all objects
	// Every object has its members once, or once for each id in it.
	consistent bool
}

func (p *unionMergeParser) read() {
	for p.at < len(p.tokens) {
		t := p.tokens[p.at]
		p.at++
		switch {
		case t.kind == '{':
			p.begin(t.at)
		case t.kind == '}':
			p.end(t.at + 1)
		case t.kind == '"' && p.peek() == ':':
			p.at++
			p.member(t)
		case t.kind == '"' || t.kind == '0':
			p.bare = true
		}
	}
	for len(p.open) > 0 {
		p.end(0)
	}
}

func (p *unionMergeParser) peek() byte {
	if p.at < len(p.tokens) {
		return p.tokens[p.at].kind
	}
	return 0
}

// begin opens an object. An entry holds none that we come upon here, so its
// end has been lost.
func (p *unionMergeParser) begin(at int) {
	if n := len(p.open); n > 0 && p.open[n-1].isEntry() {
		p.end(0)
	}
	p.open = append(p.open, &frame{from: at})
}

func (p *unionMergeParser) end(at int) {
	n := len(p.open)
	if n == 0 {
		return
	}
	f := p.open[n-1]
	p.open = p.open[:n-1]
	f.to = at
	p.closed = append(p.closed, f)
	if f.isManifest() != f.isEntry() && (f.isManifest() || f.fits()) {
		return
	}
	p.consistent = false
}

// fits says whether each member is there once, or once for each id.
func (f *frame) fits() bool {
	for _, values := range f.values {
		if len(values) != 1 && len(values) != len(f.values["id"]) {
			return false
		}
	}
	return len(f.values["created_at"]) > 0
}

// member reads the value behind a name and a colon. The entries in "chunks"
// are objects of their own.
func (p *unionMergeParser) member(key token) {
	name, err := jsonscan.Unquote(key.text[1 : len(key.text)-1])
	if err != nil || len(p.open) == 0 {
		p.consistent = false
		return
	}
	value := ""
	switch kind := p.peek(); {
	case kind == '[' && name == "chunks":
		value = "[]"
	case kind == '{' || kind == '[':
		value = p.skip()
	case kind == '"' || kind == '0':
		value = string(p.tokens[p.at].text)
		p.at++
	default:
		p.consistent = false
		return
	}
	p.open[len(p.open)-1].add(name, value)
}

// skip takes in a value with all that is in it.
func (p *unionMergeParser) skip() string {
	var out strings.Builder
	for depth := 0; p.at < len(p.tokens); p.at++ {
		t := p.tokens[p.at]
		out.Write(t.text)
		switch t.kind {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if depth == 0 {
			p.at++
			break
		}
	}
	return out.String()
}

// version is the highest that the text names.
func (p *unionMergeParser) version() (int, error) {
	highest, chunks := 1, false
	for _, f := range p.closed {
		if f.isEntry() {
			continue
		}
		chunks = chunks || len(f.values["chunks"]) > 0
		for _, v := range f.values["version"] {
			n, ok := engram.ParseVersion(v)
			if !ok {
				return 0, errors.New("no version")
			}
			highest = max(highest, n)
		}
	}
	if !chunks {
		return 0, errors.New("no manifest")
	}
	return highest, nil
}

// skeleton is a manifest without entries, with the members that we don't know,
// and with this white space behind it.
func (p *unionMergeParser) skeleton(end string) (*engram.Manifest, error) {
	version, err := p.version()
	if err != nil {
		return nil, err
	}
	members, err := p.unknownMembers()
	if err != nil {
		return nil, err
	}
	text := "{\n  \"version\": " + strconv.Itoa(version) + members + ",\n  \"chunks\": []\n}"
	return engram.ParseManifest([]byte(text + strings.ReplaceAll(end, "\r", "")))
}

func (p *unionMergeParser) unknownMembers() (string, error) {
	var out strings.Builder
	seen := map[string]string{}
	for _, f := range p.closed {
		if !f.isManifest() || f.isEntry() {
			continue
		}
		for _, name := range f.names {
			if name == "version" || name == "chunks" {
				continue
			}
			for _, value := range f.values[name] {
				before, again := seen[name]
				if again && before != value {
					return "", engram.ErrTwice // which of them counts?
				}
				if !again {
					quoted, _ := json.Marshal(name) // a string
					out.WriteString(",\n  " + string(quoted) + ": " + value)
				}
				seen[name] = value
			}
		}
	}
	return out.String(), nil
}

// token is a piece of a text that is made like JSON, but need not be JSON.
type token struct {
	kind byte // one of {}[],: or '"' for a string, '0' for any other value
	text []byte
	at   int // where it stands
}

// maxTokens bounds the memory of lex. An entry has 25 of them.
const maxTokens = 2 << 20

// lex cuts a text into tokens. It is not ok if something is none, or if there
// are too many.
func lex(text []byte) (tokens []token, ok bool) {
	for at := 0; at < len(text); {
		n := 1
		kind := text[at]
		switch {
		case bytes.IndexByte([]byte(" \t\r\n"), kind) >= 0:
			at++
			continue
		case bytes.IndexByte([]byte("{}[],:"), kind) >= 0:
		case kind == '"':
			n = stringLength(text[at:])
		default:
			kind = '0'
			n = bytes.IndexAny(text[at:], " \t\r\n{}[],:\"")
		}
		if n <= 0 || len(tokens) == maxTokens {
			return tokens, false
		}
		tokens = append(tokens, token{kind, text[at : at+n], at})
		at += n
	}
	return tokens, true
}

// stringLength is the length of the string at the start of text, 0 if it does
// not end on its line.
func stringLength(text []byte) int {
	for i := 1; i < len(text) && text[i] != '\n'; i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

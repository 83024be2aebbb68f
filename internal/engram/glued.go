package engram

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// recoverGlued reads what git's union merge makes of two manifests: the lines
// of both, those that they share only once. Such a text has objects with the
// members of several entries, often with the same name, and need not even be
// JSON, as commas can be missing. cause is what is wrong with it; where the text
// does not look like the work of a merge, that is the error.
func recoverGlued(text []byte, cause error) (Recovery, error) {
	r, err := unglue(text, cause)
	if err != nil && errors.Is(cause, ErrTwice) {
		return r, &ManifestError{Err: errors.New("it cannot be recovered: " + cause.Error())} // which ErrTwice could
	}
	return r, err
}

func unglue(text []byte, cause error) (Recovery, error) {
	tokens, ok := lex(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
	if !ok || len(tokens) == 0 || tokens[len(tokens)-1].kind != '}' {
		return Recovery{}, cause // it is cut off, or something else
	}
	g := gluer{tokens: tokens, consistent: true}
	g.read()
	version, err := g.version()
	if err != nil {
		return Recovery{}, cause
	}
	r := Recovery{Cause: cause, Doubts: map[ChunkID]Confidence{}, Others: map[ChunkID]ChunkEntry{}}
	entries, err := g.entries(&r)
	if err != nil {
		return Recovery{}, cause
	}
	skeleton, err := g.skeleton(version, string(text[len(bytes.TrimRight(text, "\r\n")):]))
	if err != nil {
		return Recovery{}, cause
	}
	r.Manifest, err = skeleton.With(0, entries...)
	if err != nil || !bytes.Contains(text, []byte("\r\n")) {
		return r, err
	}
	r.Manifest, err = ParseManifest(bytes.ReplaceAll(r.Manifest.Bytes(), []byte("\n"), []byte("\r\n")))
	return r, err
}

// frame is an object of a glued text: its members, some of which can stand
// there more than once.
type frame struct {
	names  []string
	values map[string][]string
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

// gluer reads the tokens of a glued text.
type gluer struct {
	tokens []token
	at     int
	open   []*frame
	closed []*frame
	// Every object has its members once, or once for each id in it.
	consistent bool
}

func (g *gluer) read() {
	for g.at < len(g.tokens) {
		t := g.tokens[g.at]
		g.at++
		switch {
		case t.kind == '{':
			g.begin()
		case t.kind == '}':
			g.end()
		case t.kind == '"' && g.peek() == ':':
			g.at++
			g.member(t)
		}
	}
	for len(g.open) > 0 {
		g.end()
	}
}

func (g *gluer) peek() byte {
	if g.at < len(g.tokens) {
		return g.tokens[g.at].kind
	}
	return 0
}

// begin opens an object. An entry holds none that we come upon here, so its
// end has been lost.
func (g *gluer) begin() {
	if n := len(g.open); n > 0 && g.open[n-1].isEntry() {
		g.end()
	}
	g.open = append(g.open, &frame{})
}

func (g *gluer) end() {
	n := len(g.open)
	if n == 0 {
		return
	}
	f := g.open[n-1]
	g.open = g.open[:n-1]
	g.closed = append(g.closed, f)
	if f.isManifest() != f.isEntry() && (f.isManifest() || f.fits()) {
		return
	}
	g.consistent = false
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
func (g *gluer) member(key token) {
	name, err := unescape(key.text[1 : len(key.text)-1])
	if err != nil || len(g.open) == 0 {
		g.consistent = false
		return
	}
	value := ""
	switch kind := g.peek(); {
	case kind == '[' && name == "chunks":
		value = "[]"
	case kind == '{' || kind == '[':
		value = g.skip()
	case kind == '"' || kind == '0':
		value = string(g.tokens[g.at].text)
		g.at++
	default:
		g.consistent = false
		return
	}
	g.open[len(g.open)-1].add(name, value)
}

// skip takes in a value with all that is in it.
func (g *gluer) skip() string {
	var out strings.Builder
	for depth := 0; g.at < len(g.tokens); g.at++ {
		t := g.tokens[g.at]
		out.Write(t.text)
		switch t.kind {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if depth == 0 {
			g.at++
			break
		}
	}
	return out.String()
}

// version is the highest that the text names.
func (g *gluer) version() (int, error) {
	highest, chunks := 0, false
	for _, f := range g.closed {
		if f.isEntry() {
			continue
		}
		chunks = chunks || len(f.values["chunks"]) > 0
		for _, v := range f.values["version"] {
			n, err := strconv.Atoi(v)
			if err != nil || n < minManifestVersion || n > maxManifestVersion {
				return 0, ErrManifestVersion
			}
			highest = max(highest, n)
		}
	}
	if highest == 0 || !chunks {
		return 0, errors.New("no manifest")
	}
	return highest, nil
}

// skeleton is a manifest without entries, with the members that we don't know,
// and with this white space behind it.
func (g *gluer) skeleton(version int, end string) (*Manifest, error) {
	text := "{\n  \"version\": " + strconv.Itoa(version)
	known := map[string]string{}
	for _, f := range g.closed {
		if !f.isManifest() || f.isEntry() {
			continue
		}
		for _, name := range f.names {
			if slices.Contains(manifestMembers, name) {
				continue
			}
			for _, value := range f.values[name] {
				if before, ok := known[name]; ok && before != value {
					return nil, ErrTwice // which of them counts?
				} else if !ok {
					quoted, err := json.Marshal(name)
					if err != nil {
						return nil, err
					}
					text += ",\n  " + string(quoted) + ": " + value
				}
				known[name] = value
			}
		}
	}
	return ParseManifest([]byte(text + ",\n  \"chunks\": []\n}" + strings.ReplaceAll(end, "\r", "")))
}

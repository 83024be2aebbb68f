// Package mend is the fixed rule by which a row gets what a project server demands
// and the row lacks. Whoever sends or restores rows may use it: it is pure, so that
// every run, on every machine, makes the same of the same row.
//
// Nothing that somebody would have to know is invented: what has no content stays
// without. Source: project-server.md 3.3, 3.4.
package mend

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// Rule names the rule. It belongs to every identity that is derived and to all
// that is remembered of mended rows: it changes when another value comes out.
const Rule = "engram-sync mended row 1"

// The lists of rows that can be mended.
const (
	Sessions     = "sessions"
	Observations = "observations"
	Prompts      = "prompts"
)

// UnknownDirectory stands for the directory of a session that has none.
const UnknownDirectory = "unknown"

// Fill is a blank of a row, and what fills it.
type Fill struct{ Field, Value string }

func (f Fill) String() string { return fmt.Sprintf("filled with %q", f.Value) }

// Place is where a row lies, as far as its identity can depend on it.
type Place struct {
	Chunk engram.ChunkID
	List  string
	Index int
}

// Row fills the blanks of a row of one of the lists, as servers of a generation demand
// it. The row has to be JSON. One that is no object, and one of any other list, comes back as it is.
func Row(g engram.Generation, at Place, row json.RawMessage) (json.RawMessage, []Fill) {
	if isWhole(at.List, row) {
		return row, nil
	}
	identity := ""
	if at.List == Observations || at.List == Prompts {
		identity = SyncID(at, row)
	}
	return fill(g, at.List, identity, row)
}

// filled are the members that Row can fill.
var filled = map[string][]string{
	Sessions: {"directory"}, Observations: {"sync_id", "type", "scope", "title"}, Prompts: {"sync_id"},
}

// isWhole says that a row lacks nothing, as nearly all do, where that can be told at a
// glance: one of another list lacks nothing either.
func isWhole(list string, row []byte) bool {
	var has [4]bool
	plain := jsonscan.Fields(row, func(name, value []byte) bool {
		at := slices.IndexFunc(filled[list], func(field string) bool { return strings.EqualFold(field, string(name)) })
		if at < 0 {
			return jsonscan.IsPlain(name)
		}
		has[at] = true
		return filled[list][at] == string(name) && jsonscan.SaysSomething(value)
	})
	return plain && !slices.Contains(has[:len(filled[list])], false)
}

// Payload fills the blanks of what an upsert of an entity carries. The key of
// the mutation is the identity of its row: it counts where the payload has none.
func Payload(g engram.Generation, entity, key string, payload json.RawMessage) (json.RawMessage, []Fill) {
	return fill(g, listOf[entity], strings.TrimSpace(key), payload)
}

var listOf = map[string]string{"session": Sessions, "observation": Observations, "prompt": Prompts}

func fill(g engram.Generation, list, identity string, row json.RawMessage) (json.RawMessage, []Fill) {
	var have fields
	if json.Unmarshal(row, &have) != nil {
		return row, nil
	}
	var fills []Fill
	for _, b := range have.required(g, list, identity) {
		if (b.Value != "" || b.Field == "directory" && b.has.null) && !b.has.odd && strings.TrimSpace(b.has.text) == "" {
			fills = append(fills, b.Fill)
		}
	}
	var members map[string]json.RawMessage
	if len(fills) == 0 || json.Unmarshal(row, &members) != nil || members == nil {
		return row, nil
	}
	for _, f := range fills {
		members[f.Field], _ = json.Marshal(f.Value)                          // a string
		maps.DeleteFunc(members, func(name string, _ json.RawMessage) bool { // what readers take for it, and the last counts
			return name > f.Field && strings.EqualFold(name, f.Field)
		})
	}
	text, err := json.Marshal(members)
	if err != nil {
		return row, nil // can't be: all of it was JSON
	}
	return text, fills
}

// fields are what may not be blank, read as servers and engram do: names in any
// case count, and null leaves what was there. Source: project-server.md 13 (A11, A13).
type fields struct {
	ID        member `json:"id"`
	Directory member `json:"directory"`
	SyncID    member `json:"sync_id"`
	Type      member `json:"type"`
	Title     member `json:"title"`
	Content   member `json:"content"`
	Scope     member `json:"scope"`
	Ownership member `json:"ownership_mode"`
}

// member is a text; an odd one is of another type, which is no blank: nobody
// knows what it was to say.
type member struct {
	text      string
	odd, null bool
}

func (m *member) UnmarshalJSON(value []byte) error {
	if m.null = string(value) == "null"; !m.null {
		m.odd = json.Unmarshal(value, &m.text) != nil
	}
	return nil
}

// required is a member that a row may not leave blank, with what it gets.
type required struct {
	Fill
	has member
}

func (f fields) required(g engram.Generation, list, identity string) []required {
	switch list {
	case Sessions:
		return []required{{Fill{"id", identity}, f.ID}, {Fill{"directory", f.directory(g)}, f.Directory}}
	case Observations:
		return []required{
			{Fill{"sync_id", identity}, f.SyncID}, {Fill{"type", "manual"}, f.Type},
			{Fill{"scope", "project"}, f.Scope}, {Fill{"title", firstLine(f.Content.text)}, f.Title},
		}
	case Prompts:
		return []required{{Fill{"sync_id", identity}, f.SyncID}}
	}
	return nil
}

// directory is what a session gets that has none. One of a project gets nothing from
// 3.x on, where the first directory that comes stays for ever; only null is refused there.
// Source: engram-2.md 7, 10.
func (f fields) directory(g engram.Generation) string {
	if g >= engram.Gen3 && f.Ownership.text == engram.ProjectOwned {
		return ""
	}
	return UnknownDirectory
}

// Bare says whether a payload is a session of a project that has no directory, which
// servers of some generations take.
func Bare(entity string, payload json.RawMessage) bool {
	var have fields
	return listOf[entity] == Sessions && json.Unmarshal(payload, &have) == nil && have.Ownership.text == engram.ProjectOwned &&
		!have.Directory.odd && strings.TrimSpace(have.Directory.text) == ""
}

// SayBare says of a session without a directory that it has none, where it says
// nothing: a server invents one for who pushes such a mutation. Source: engram-2.md 4.5.
func SayBare(payload json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	var have struct {
		Directory json.RawMessage `json:"directory"`
	}
	if json.Unmarshal(payload, &members) != nil || json.Unmarshal(payload, &have) != nil || len(have.Directory) > 0 {
		return payload
	}
	members["directory"] = json.RawMessage(`""`)
	text, err := json.Marshal(members)
	if err != nil {
		return payload // can't be: all of it was JSON
	}
	return text
}

// maxTitle is how long a title that is taken from the content gets, in runes.
const maxTitle = 80

func firstLine(content string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(content), "\n")
	line = strings.TrimSpace(line)
	if utf8.RuneCountInString(line) > maxTitle {
		line = string([]rune(line)[:maxTitle-1]) + "…"
	}
	return line
}

// Stub is the row of a session that rows name and nobody has. from is the time
// of the oldest of them, "" if none has one.
func Stub(id, project, from string) engram.Session {
	return engram.Session{ID: id, Project: project, Directory: UnknownDirectory, StartedAt: from}
}

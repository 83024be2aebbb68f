package canon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// parse splits a document into the texts of its members; of two with one name,
// the last wins. No members at all (nil) means null.
func parse(data []byte) (members map[string]json.RawMessage, err error) {
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, fmt.Errorf("the chunk is not a JSON object: %w", err)
	}
	return members, nil
}

// writer writes one document, row by row, so that only one of them is ever in
// pieces. What it learns about the rows on the way, it keeps for the sessions,
// which come last in the order of names.
type writer struct {
	project string
	asIs    bool // encode only, force nothing
	forPush bool // give a form that stays the same when it is given again
	enc     encoder

	// checks is nil if nobody wants to know what 3.4 says about the rows.
	checks *checks

	problems []RowError
	keepsOwn bool            // sessions that nothing names keep their own project
	named    map[string]bool // the sessions that something names, by trimmed id
}

func newWriter(project string) *writer {
	return &writer{project: engram.NormalizeProject(project), named: map[string]bool{}}
}

func (w *writer) refuse(list string, index int, field string, reason Reason) {
	w.problems = append(w.problems, RowError{List: list, Index: index, Field: field, Reason: reason})
}

// document writes all members. In their order mutations, observations and
// prompts, which name sessions, stand before the sessions.
func (w *writer) document(members map[string]json.RawMessage) {
	if members == nil {
		w.enc.out = append(w.enc.out, "null"...)
		return
	}
	_, w.keepsOwn = members["mutations"]
	w.enc.out = append(w.enc.out, '{')
	for i, key := range slices.Sorted(maps.Keys(members)) {
		w.enc.name(i, key)
		w.member(key, members[key])
		if w.checks != nil && hasNul(key) {
			w.refuse(key, -1, "", Nul)
		}
	}
	w.enc.out = append(w.enc.out, '}')
}

func (w *writer) member(key string, text json.RawMessage) {
	isList := slices.Contains(listNames, key) && !w.asIs
	switch {
	case isList && string(text) == "null":
		w.enc.out = append(w.enc.out, "[]"...)
	case text[0] == '[':
		w.list(key, text, isList)
	case isList:
		w.refuse(key, -1, "", NotRows)
	default:
		w.single(key, text)
	}
}

// list writes an array, element by element.
func (w *writer) list(key string, text []byte, rows bool) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if _, err := dec.Token(); err != nil {
		w.refuse(key, -1, "", NotRows)
		return
	}
	w.enc.out = append(w.enc.out, '[')
	for i := 0; dec.More(); i++ {
		if i > 0 {
			w.enc.out = append(w.enc.out, ',')
		}
		var v any
		if err := dec.Decode(&v); err != nil && !w.decoded(key, i, err) {
			return
		}
		w.element(key, i, v, rows)
	}
	w.enc.out = append(w.enc.out, ']')
}

// decoded reports what is wrong with an element, and says whether the next one can be read.
func (w *writer) decoded(key string, index int, err error) bool {
	var tooBig *json.UnmarshalTypeError // the only one that a value of any type can cause
	if errors.As(err, &tooBig) {
		w.refuse(key, index, "", TooBig)
		return true
	}
	w.refuse(key, -1, "", NotRows) // can't be: the text was checked
	return false
}

func (w *writer) element(key string, index int, v any, isRow bool) {
	before := len(w.problems)
	row, isObject := v.(map[string]any)
	switch {
	case !isRow:
	case !isObject:
		w.refuse(key, index, "", NotObject)
		return
	case key == "mutations":
		if row = w.mutation(index, row); row == nil {
			return
		}
		v = row
	default:
		w.force(key, row)
	}
	start := len(w.enc.out)
	if err := w.enc.value(v, 2); err != nil {
		w.refuse(key, index, "", TooDeep)
		return
	}
	if w.checks != nil {
		w.check(key, index, v, w.enc.out[start:], len(w.problems) > before)
	}
}

// force files a row under the project. Source: project-server.md 3.3, A6: only
// the exact names of a row's members count here.
func (w *writer) force(key string, row map[string]any) {
	if key == "sessions" {
		id, _ := row["id"].(string)
		id = strings.TrimSpace(id)
		if w.keepsOwn && id != "" && !w.named[id] {
			return
		}
	} else if id, ok := row["session_id"].(string); ok {
		w.named[strings.TrimSpace(id)] = true
	}
	row["project"] = w.project
}

// single writes a member that is not an array.
func (w *writer) single(key string, text []byte) {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		w.decoded(key, -1, err)
		return
	}
	if err := w.enc.value(v, 1); err != nil {
		w.refuse(key, -1, "", TooDeep)
		return
	}
	if w.checks != nil {
		w.checkSingle(key, v)
	}
}

// listNames are the members that the server reads rows from. It doesn't look at
// case when it does, though only the exact name is forced (A11).
var listNames = []string{"sessions", "observations", "prompts", "mutations"}

package engram

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// memberReader reads the value of one member of a chunk.
type memberReader func(*json.Decoder) error

// readMembers reads the JSON of a chunk, and passes over members for which
// there is no reader. It reads to the end, so that a Chunk can check that.
func readMembers(r io.Reader, readers map[string]memberReader) error {
	dec := json.NewDecoder(r)
	if err := expectDelim(dec, '{'); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		read := readers[jsonscan.Alike(fmt.Sprint(name), slices.Collect(maps.Keys(readers)))] // in any case, as for engram
		if read == nil {
			read = func(dec *json.Decoder) error { return dec.Decode(new(json.RawMessage)) }
		}
		if err := read(dec); err != nil {
			return fmt.Errorf("%v: %w", name, err)
		}
	}
	if err := expectDelim(dec, '}'); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, io.MultiReader(dec.Buffered(), r))
	return err
}

// maxRows bounds a list of rows, and so the memory that is kept of each: a few
// megabytes of gzip can hold tens of millions of empty ones. engram's rows take
// 200 bytes and more, and a chunk of a million of them could hardly be read anyway.
const maxRows = 1 << 20

// rows reads a list of at most maxRows rows one by one, or the null that engram
// writes for an empty one.
func rows[T any](add func(T)) memberReader {
	return func(dec *json.Decoder) error {
		open, err := dec.Token()
		if err != nil || open == nil {
			return err
		}
		if open != json.Delim('[') {
			return errors.New("not a list")
		}
		for n := 0; dec.More(); n++ {
			if n == maxRows {
				return fmt.Errorf("more than %d rows", maxRows)
			}
			var row T
			if err := dec.Decode(&row); err != nil {
				return err
			}
			add(row)
		}
		_, err = dec.Token()
		return err
	}
}

// ReadLists reads the rows of some lists of a chunk as they are written, as a stream.
func ReadLists(r io.Reader, add func(list string, index int, row json.RawMessage), lists ...string) error {
	readers := make(map[string]memberReader, len(lists))
	for _, list := range lists {
		index := 0
		readers[list] = rows(func(row json.RawMessage) {
			add(list, index, row)
			index++
		})
	}
	return readMembers(r, readers)
}

func expectDelim(dec *json.Decoder, want json.Delim) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if token != want {
		return fmt.Errorf("%v where %v must stand", token, want)
	}
	return nil
}

// ReadRows lets read read the rows of a chunk file, and says what is wrong with
// it in the chunk's own words: that its bytes do not fit its id says more than
// that a row can't be read.
func ReadRows[T any](c *Chunk, read func(io.Reader) (T, error)) (T, error) {
	result, err := read(c)
	var damage *DamageError
	var disk *fs.PathError
	switch {
	case err == nil || errors.As(err, &disk):
		return result, err
	case errors.As(err, &damage):
		return result, damage
	}
	if _, err := io.Copy(io.Discard, c); err != nil {
		return result, err
	}
	return result, fmt.Errorf("%w: it fits its id, but its rows cannot be read: %w", ErrDamaged, err)
}

// Contents is what a chunk holds, as far as checks across chunks need it.
type Contents struct {
	Sessions, Memories, Prompts int
	// SessionIDs are the sessions that the chunk brings.
	SessionIDs map[string]bool
	// References are the sessions that its observations and prompts belong to, each
	// with the first row that does.
	References map[string]RowNote
	// SyncIDs are the identities of its observations, and Ends those that its
	// relations name, each with the first one that does.
	SyncIDs map[string]bool
	Ends    map[string]RowNote
	// Blank are rows that lack what today's engram and project servers demand of
	// them, at most maxBlank of each field.
	Blank []RowNote
	// Newest is the latest time of any row, the zero time if there is none.
	Newest time.Time
	// Generation is that of the engram whose members the chunk has, Gen1 if there are
	// none that tell.
	Generation Generation

	timed  bool              // one of its memories says when it was made
	blanks map[[2]string]int // list and field, to how many lack it
}

// ReadContents reads the JSON of a chunk row by row, in memory for one row and
// the session ids. Members that it doesn't know are passed over. It says
// nothing about the hash: read from a Chunk for that.
func ReadContents(r io.Reader) (Contents, error) {
	c := Contents{Generation: Gen1, SessionIDs: map[string]bool{}, References: map[string]RowNote{}, SyncIDs: map[string]bool{}, Ends: map[string]RowNote{}, blanks: map[[2]string]int{}}
	mutations := 0
	err := readMembers(r, map[string]memberReader{
		"sessions":     rows(c.addSession),
		"observations": rows(func(row contentRow) { c.addMemory("observations", &c.Memories, row) }),
		"prompts":      rows(func(row contentRow) { c.addMemory("prompts", &c.Prompts, row) }),
		"mutations":    rows(func(m contentMutation) { c.addMutation(mutations, m); mutations++ }),
	})
	return c, err
}

// contentRow has the members that ReadContents looks at, of all three kinds of row.
type contentRow struct {
	ID        any    `json:"id"` // text in sessions, a number elsewhere
	SessionID string `json:"session_id"`
	StartedAt string `json:"started_at"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
	SyncID    any    `json:"sync_id"`
	Directory filled `json:"directory"`
	Type      filled `json:"type"`
	Title     filled `json:"title"`
	Content   filled `json:"content"`
	signs
}

// contentMutation is what may stand beside the rows: relations, for one.
type contentMutation struct {
	Entity, Op any
	EntityKey  any             `json:"entity_key"`
	Payload    json.RawMessage `json:"payload"`
	signs
}

// filled says of a member that it is more than white space. Whatever is no text
// is not judged here.
type filled bool

// UnmarshalJSON looks no further than it has to: contents are long.
func (f *filled) UnmarshalJSON(text []byte) error {
	if text[0] != '"' {
		*f = string(text) != "null"
		return nil
	}
	inside := bytes.TrimSpace(text[1 : len(text)-1])
	if *f = len(inside) > 0; *f && inside[0] == '\\' {
		var s string
		*f = json.Unmarshal(text, &s) != nil || filled(strings.TrimSpace(s) != "")
	}
	return nil
}

// maxBlank bounds what is kept of rows that lack the same.
const maxBlank = 100

// demand notes a row that lacks what it must have.
func (c *Contents) demand(list string, index int, field string, has filled) {
	if kind := [2]string{list, field}; !has {
		if c.blanks[kind]++; c.blanks[kind] <= maxBlank {
			c.Blank = append(c.Blank, RowNote{List: list, Index: index, Field: field, Reason: Required})
		}
	}
}

func textOf(v any) filled {
	s, ok := v.(string)
	return filled(v != nil && !ok || strings.TrimSpace(s) != "")
}

func (c *Contents) addSession(row contentRow) {
	c.demand("sessions", c.Sessions, "id", textOf(row.ID))
	c.demand("sessions", c.Sessions, "directory", row.Directory)
	c.Sessions++
	c.addTimes(row)
	c.Generation = max(c.Generation, row.generation())
	if id, ok := row.ID.(string); ok {
		c.SessionIDs[id] = true
	}
}

func (c *Contents) addMemory(list string, count *int, row contentRow) {
	c.demand(list, *count, "sync_id", textOf(row.SyncID))
	c.demand(list, *count, "content", row.Content)
	if list == "observations" {
		c.demand(list, *count, "type", row.Type)
		c.demand(list, *count, "title", row.Title)
		if id, ok := row.SyncID.(string); ok {
			c.SyncIDs[id] = true
		}
	}
	if _, before := c.References[row.SessionID]; !before {
		c.References[row.SessionID] = RowNote{List: list, Index: *count, Field: "session_id"}
	}
	*count++
	c.Generation = max(c.Generation, row.generation())
	c.timed = c.timed || row.CreatedAt != ""
	c.addTimes(row)
}

// addMutation takes in what a mutation brings, and the ends of a relation.
func (c *Contents) addMutation(index int, m contentMutation) {
	entity, _ := m.Entity.(string)
	key, _ := m.EntityKey.(string)
	payload := []byte(m.Payload)
	var inner string
	if json.Unmarshal(payload, &inner) == nil {
		payload = []byte(inner)
	}
	var told signs
	_ = json.Unmarshal(payload, &told) // what cannot be read tells nothing
	c.Generation = max(c.Generation, m.generation(), told.generation())
	if op, _ := m.Op.(string); op != "upsert" {
		return
	}
	switch entity {
	case "session":
		c.SessionIDs[key] = true
	case "observation":
		c.SyncIDs[key] = true
	case "relation":
		var ends struct {
			Source any `json:"source_id"`
			Target any `json:"target_id"`
		}
		_ = json.Unmarshal(payload, &ends) // what cannot be read has no ends
		for field, end := range map[string]any{"source_id": ends.Source, "target_id": ends.Target} {
			id, ok := end.(string)
			if _, before := c.Ends[id]; ok && !before {
				c.Ends[id] = RowNote{List: "mutations", Index: index, Field: field}
			}
		}
	}
}

// Untimed says whether none of its memories says when it was made, as with what old
// clients leave of a chunk.
func (c Contents) Untimed() bool { return c.Memories+c.Prompts > 0 && !c.timed }

func (c *Contents) addTimes(row contentRow) {
	for _, text := range []string{row.StartedAt, row.CreatedAt, row.UpdatedAt} {
		if t := RowTime(text); t.After(c.Newest) {
			c.Newest = t
		}
	}
}

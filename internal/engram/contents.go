package engram

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// rowTimeLayout is how engram writes the times of rows: UTC, without a zone.
const rowTimeLayout = "2006-01-02 15:04:05"

// Contents is what a chunk holds, as far as checks across chunks need it.
type Contents struct {
	Sessions, Memories, Prompts int
	// SessionIDs are the sessions that the chunk brings.
	SessionIDs map[string]bool
	// References are the sessions that its observations and prompts belong to.
	References map[string]bool
	// Newest is the latest time of any row, the zero time if there is none.
	Newest time.Time
}

// ReadContents reads the JSON of a chunk row by row, in memory for one row and
// the session ids. Members that it doesn't know are passed over. It says
// nothing about the hash: read from a Chunk for that.
func ReadContents(r io.Reader) (Contents, error) {
	c := Contents{SessionIDs: map[string]bool{}, References: map[string]bool{}}
	dec := json.NewDecoder(r)
	if err := expectDelim(dec, '{'); err != nil {
		return c, err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return c, err
		}
		switch name {
		case "sessions":
			err = c.readRows(dec, c.addSession)
		case "observations":
			err = c.readRows(dec, c.addObservation)
		case "prompts":
			err = c.readRows(dec, c.addPrompt)
		default:
			var skipped json.RawMessage
			err = dec.Decode(&skipped)
		}
		if err != nil {
			return c, fmt.Errorf("%v: %w", name, err)
		}
	}
	if err := expectDelim(dec, '}'); err != nil {
		return c, err
	}
	// What follows is read too, so that a Chunk can check its end.
	_, err := io.Copy(io.Discard, io.MultiReader(dec.Buffered(), r))
	return c, err
}

// contentRow has the members that ReadContents looks at, of all three kinds of row.
type contentRow struct {
	ID        any    `json:"id"` // text in sessions, a number elsewhere
	SessionID string `json:"session_id"`
	StartedAt string `json:"started_at"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

func (c *Contents) addSession(row contentRow) {
	c.Sessions++
	if id, ok := row.ID.(string); ok {
		c.SessionIDs[id] = true
	}
}

func (c *Contents) addObservation(row contentRow) {
	c.Memories++
	c.References[row.SessionID] = true
}

func (c *Contents) addPrompt(row contentRow) {
	c.Prompts++
	c.References[row.SessionID] = true
}

// readRows reads a list of rows, or the null that engram writes for an empty one.
func (c *Contents) readRows(dec *json.Decoder, add func(contentRow)) error {
	open, err := dec.Token()
	if err != nil || open == nil {
		return err
	}
	if open != json.Delim('[') {
		return errors.New("not a list")
	}
	for dec.More() {
		var row contentRow
		if err := dec.Decode(&row); err != nil {
			return err
		}
		add(row)
		for _, text := range []string{row.StartedAt, row.CreatedAt, row.UpdatedAt} {
			if t, err := time.Parse(rowTimeLayout, text); err == nil && t.After(c.Newest) {
				c.Newest = t
			}
		}
	}
	_, err = dec.Token()
	return err
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

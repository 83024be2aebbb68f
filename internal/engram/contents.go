package engram

import (
	"io"
	"time"
)

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
	err := readMembers(r, map[string]memberReader{
		"sessions":     rows(c.addSession),
		"observations": rows(c.addObservation),
		"prompts":      rows(c.addPrompt),
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
}

func (c *Contents) addSession(row contentRow) {
	c.Sessions++
	c.addTimes(row)
	if id, ok := row.ID.(string); ok {
		c.SessionIDs[id] = true
	}
}

func (c *Contents) addObservation(row contentRow) {
	c.Memories++
	c.addTimes(row)
	c.References[row.SessionID] = true
}

func (c *Contents) addPrompt(row contentRow) {
	c.Prompts++
	c.addTimes(row)
	c.References[row.SessionID] = true
}

func (c *Contents) addTimes(row contentRow) {
	for _, text := range []string{row.StartedAt, row.CreatedAt, row.UpdatedAt} {
		if t := RowTime(text); t.After(c.Newest) {
			c.Newest = t
		}
	}
}

package engram

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/engram-sync/engram-sync/internal/rowstream"
	"github.com/engram-sync/engram-sync/internal/rowtime"
)

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

// Contents is what its entry says of a chunk, and what can be made of one.
type Contents struct {
	Sessions, Memories, Prompts int
	// Newest is the latest time of any row, the zero time if there is none.
	Newest time.Time
	// Generation is that of the engram whose members the chunk has, Gen1 if there are
	// none that tell.
	Generation Generation

	// Timed: one of its memories says when it was made.
	Timed bool
}

// ReadContents reads the JSON of a chunk row by row, in memory for one row. Members
// that it doesn't know are passed over. It says nothing about the hash: read from a
// Chunk for that.
func ReadContents(r io.Reader) (Contents, error) {
	c := Contents{Generation: Gen1}
	readers := map[string]rowstream.MemberReader{"mutations": rowstream.Rows(func(m struct {
		Payload json.RawMessage `json:"payload"`
		signs
	}) {
		payload := []byte(m.Payload)
		var inner string
		if json.Unmarshal(payload, &inner) == nil {
			payload = []byte(inner)
		}
		var told signs
		_ = json.Unmarshal(payload, &told) // what cannot be read tells nothing
		c.Generation = max(c.Generation, m.generation(), told.generation())
	})}
	for _, list := range []string{"sessions", "observations", "prompts"} {
		readers[list] = rowstream.Rows(func(row struct {
			StartedAt string `json:"started_at"`
			CreatedAt string `json:"created_at"`
			UpdatedAt string `json:"updated_at"`
			signs
		}) {
			c.Count(list, row.StartedAt, row.CreatedAt, row.UpdatedAt)
			c.Generation = max(c.Generation, row.generation())
		})
	}
	return c, rowstream.ReadMembers(r, readers)
}

// Count takes in a row of a list, with its times.
func (c *Contents) Count(list, started, created, updated string) {
	c.CountRow(list, created != "")
	if updated == created { // as of all that was never changed
		updated = ""
	}
	for _, text := range [...]string{started, created, updated} {
		if text != "" {
			c.Meet(rowtime.Parse(text))
		}
	}
}

// CountRow is Count without the times. timed: it says when it was made.
func (c *Contents) CountRow(list string, timed bool) {
	switch list {
	case "sessions":
		c.Sessions++
	case "observations":
		c.Memories++
	case "prompts":
		c.Prompts++
	}
	c.Timed = c.Timed || list != "sessions" && timed
}

// Meet takes in a time of a row.
func (c *Contents) Meet(t time.Time) {
	if t.After(c.Newest) {
		c.Newest = t
	}
}

// Tell takes in a member, which may tell the generation of its writer.
func (c *Contents) Tell(name string, value json.RawMessage) {
	switch name {
	case "ownership_mode":
		c.Generation = max(c.Generation, signs{OwnershipMode: value}.generation())
	case "disposition":
		c.Generation = max(c.Generation, signs{Disposition: value}.generation())
	case "source_inbox_id":
		c.Generation = max(c.Generation, signs{SourceInboxID: value}.generation())
	}
}

// Untimed says whether none of its memories says when it was made, as with what old
// clients leave of a chunk.
func (c Contents) Untimed() bool { return c.Memories+c.Prompts > 0 && !c.Timed }

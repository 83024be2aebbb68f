package engram

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// MemberReader reads the value of one member of a chunk.
type MemberReader func(*json.Decoder) error

// ReadMembers reads the JSON of a chunk, and passes over members for which
// there is no reader. It reads to the end, so that a Chunk can check that.
func ReadMembers(r io.Reader, readers map[string]MemberReader) error {
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

// Rows reads a list of at most maxRows rows one by one, or the null that engram
// writes for an empty one.
func Rows[T any](add func(T)) MemberReader {
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

// Contents is what its entry says of a chunk, and what can be made of one.
type Contents struct {
	Sessions, Memories, Prompts int
	// Newest is the latest time of any row, the zero time if there is none.
	Newest time.Time
	// Generation is that of the engram whose members the chunk has, Gen1 if there are
	// none that tell.
	Generation Generation

	timed bool // one of its memories says when it was made
}

// ReadContents reads the JSON of a chunk row by row, in memory for one row. Members
// that it doesn't know are passed over. It says nothing about the hash: read from a
// Chunk for that.
func ReadContents(r io.Reader) (Contents, error) {
	c := Contents{Generation: Gen1}
	readers := map[string]MemberReader{"mutations": Rows(func(m struct {
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
		readers[list] = Rows(func(row struct {
			StartedAt string `json:"started_at"`
			CreatedAt string `json:"created_at"`
			UpdatedAt string `json:"updated_at"`
			signs
		}) {
			c.Count(list, row.StartedAt, row.CreatedAt, row.UpdatedAt)
			c.Generation = max(c.Generation, row.generation())
		})
	}
	return c, ReadMembers(r, readers)
}

// Count takes in a row of a list, with its times.
func (c *Contents) Count(list, started, created, updated string) {
	switch list {
	case "sessions":
		c.Sessions++
	case "observations":
		c.Memories++
	case "prompts":
		c.Prompts++
	}
	c.timed = c.timed || list != "sessions" && created != ""
	for _, text := range []string{started, created, updated} {
		if t := RowTime(text); t.After(c.Newest) {
			c.Newest = t
		}
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
func (c Contents) Untimed() bool { return c.Memories+c.Prompts > 0 && !c.timed }

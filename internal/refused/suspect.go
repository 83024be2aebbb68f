package refused

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// Suspect is the row of a chunk for which a database most likely refuses it.
type Suspect struct {
	List  string // "" where the chunk has no rows
	Index int
	Nul   bool // it holds U+0000; otherwise it is the longest
	size  int
}

func (s Suspect) String() string {
	if s.Nul {
		return fmt.Sprintf("%s[%d] holds the character U+0000", s.List, s.Index)
	}
	return fmt.Sprintf("%s[%d] is its longest row", s.List, s.Index)
}

// ReadSuspect reads the JSON of a chunk, and finds the first row with the character
// that no text in PostgreSQL may hold, else the longest one: what its indexes can
// hold is bounded. Source: account-server.md 3.2, 10.
func ReadSuspect(r io.Reader) (Suspect, error) {
	var found Suspect
	err := engram.ReadLists(r, func(list string, index int, row json.RawMessage) {
		nul := jsonscan.HoldsNul(row)
		if !found.Nul && (nul || len(row) > found.size) {
			found = Suspect{List: list, Index: index, Nul: nul, size: len(row)}
		}
	}, "sessions", "observations", "prompts")
	return found, err
}

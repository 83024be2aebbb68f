package syncer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/engram-sync/engram-sync/internal/engram"
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

// readSuspect reads the JSON of a chunk, and finds the first row with the character
// that no text in PostgreSQL may hold, else the longest one: what its indexes can
// hold is bounded. Source: account-server.md 3.2, 10.
func readSuspect(r io.Reader) (Suspect, error) {
	var found Suspect
	err := engram.ReadLists(r, func(list string, index int, row json.RawMessage) {
		nul := holdsNul(row)
		if !found.Nul && (nul || len(row) > found.size) {
			found = Suspect{List: list, Index: index, Nul: nul, size: len(row)}
		}
	}, "sessions", "observations", "prompts")
	return found, err
}

// holdsNul says whether a text in a row holds U+0000, which JSON can only escape.
func holdsNul(row json.RawMessage) bool {
	const escape = `\u0000`
	for {
		at := bytes.Index(row, []byte(escape))
		if at < 0 {
			return false
		}
		start := at
		for start > 0 && row[start-1] == '\\' {
			start--
		}
		if text, err := strconv.Unquote(`"` + string(row[start:at+len(escape)]) + `"`); err == nil && text[len(text)-1] == 0 {
			return true
		}
		row = row[at+len(escape):]
	}
}

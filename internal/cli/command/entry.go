package command

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// EntryWith is a manifest entry in JSON with more members, each with a comma before it.
func EntryWith(e engram.ChunkEntry, members string) ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return append(append(text[:len(text)-1], members...), '}'), nil
}

// EntryText says in a few words what a chunk is.
func EntryText(e engram.ChunkEntry) string {
	return fmt.Sprintf("%s by %s: %s, %s, %s", e.CreatedAt, strconv.QuoteToGraphic(e.CreatedBy),
		terminal.Count(e.Sessions, "session"), terminal.Count(e.Memories, "memory"), terminal.Count(e.Prompts, "prompt"))
}

package chunks

import (
	"fmt"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// leftBehindItem is what of one chunk does not go to a project server.
type leftBehindItem struct {
	ID string `json:"id"`
	// RemoteIDs are the ids of what does; none if nothing does.
	RemoteIDs []string         `json:"remote_ids"`
	Personal  int              `json:"personal"`
	Foreign   int              `json:"foreign"`
	LeftOut   []engram.RowNote `json:"left_out"`
	Filled    []engram.RowNote `json:"filled"`
}

func leftBehindItems(behind []syncer.Projection) []leftBehindItem {
	var items []leftBehindItem
	for _, b := range behind {
		items = append(items, leftBehindItem{
			ID: b.ID.String(), RemoteIDs: texts(b.Parts, func(p syncer.Part) string { return p.ID.String() }),
			Personal: b.Personal, Foreign: b.Foreign,
			LeftOut: append([]engram.RowNote{}, b.LeftOut...), Filled: append([]engram.RowNote{}, b.Filled...),
		})
	}
	return items
}

// noteLeftBehind says what does not go to a project server, and what is not
// taken from it: in one line each, and with -v for each chunk.
func noteLeftBehind(term *terminal.Terminal, behind []syncer.Projection, serverMade []engram.ChunkEntry) {
	var foreign, personal, leftOut, filled, nothing int
	for _, b := range behind {
		foreign, personal = foreign+b.Foreign, personal+b.Personal
		leftOut, filled = leftOut+len(b.LeftOut), filled+len(b.Filled)
		if len(b.Parts) == 0 {
			nothing++
		}
		if term.Verbose {
			noteChunk(term, b)
		}
	}
	for _, line := range []struct {
		n    int
		noun string
		text string
	}{
		{nothing, "chunk", "not for this project"},
		{foreign, "row", "of other projects not sent"},
		{personal, "personal row", "not sent (--include-personal sends them)"},
		{leftOut, "row", "left out that the server would refuse (-v lists them; --fill-blanks mends what is only blank)"},
		{filled, "blank", "filled (-v lists them)"},
		{len(serverMade), "chunk", "made by the server of mutations not taken (--include-server-chunks takes them)"},
	} {
		if line.n > 0 {
			term.Note("%s %s", terminal.Count(line.n, line.noun), line.text)
		}
	}
}

func noteChunk(term *terminal.Terminal, b syncer.Projection) {
	if len(b.Parts) == 0 {
		term.Note("chunk %s: nothing for this project", b.ID)
	}
	for _, r := range b.LeftOut {
		term.Note("chunk %s: left out: %s", b.ID, r)
	}
	for _, r := range b.Filled {
		term.Note("chunk %s: %s", b.ID, fmt.Sprint(r))
	}
}

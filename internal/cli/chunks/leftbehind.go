package chunks

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

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
			Personal: b.Personal, Foreign: total(b.Foreign),
			LeftOut: append([]engram.RowNote{}, b.LeftOut...), Filled: append([]engram.RowNote{}, b.Filled...),
		})
	}
	return items
}

// noteLeftBehind says what does not go to a project server, and what is not
// taken from it: in one line each, and with -v for each chunk.
func noteLeftBehind(term *terminal.Terminal, behind []syncer.Projection, serverMade []engram.ChunkEntry) {
	var foreign, personal, leftOut, mended, nothing int
	fields := map[string]int{}
	for _, b := range behind {
		foreign, personal, leftOut = foreign+total(b.Foreign), personal+b.Personal, leftOut+len(b.LeftOut)
		mended += countMended(b.Filled, fields)
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
		{leftOut, "row", "left out that the server would refuse (-v lists them)"},
		{mended, "row", "mended: " + listed(fields) + " (-v lists them; --strict sends only what fits as it is)"},
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

// countMended counts rows of which something was filled, and adds what it was.
func countMended(filled []engram.RowNote, fields map[string]int) int {
	rows := map[string]bool{}
	for i, f := range filled {
		place := fmt.Sprint(f.List, f.Index)
		if f.Index < 0 { // a session that was added
			place, f.Field = fmt.Sprint(i), "missing session"
		}
		rows[place] = true
		fields[f.Field]++
	}
	return len(rows)
}

// listed is a list of counts, the largest first.
func listed(counts map[string]int) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b))
	})
	return strings.Join(texts(names, func(name string) string { return terminal.Count(counts[name], name) }), ", ")
}

func total(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

// Package leftbehind tells what of chunks does not go to a project server, and what is not taken from it. The commands that move
// chunks, or say what would move, call it.
package leftbehind

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/recognition"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// Item is what of one chunk does not go to a project server.
type Item struct {
	ID string `json:"id"`
	// RemoteIDs are the ids of what does; none if nothing does.
	RemoteIDs []string         `json:"remote_ids"`
	Personal  int              `json:"personal"`
	Foreign   int              `json:"foreign"`
	Unjudged  int              `json:"unjudged,omitempty"`
	LeftOut   []engram.RowNote `json:"left_out"`
	Filled    []engram.RowNote `json:"filled"`
	// Accepted are rows that would be left out too, and that the user has accepted.
	Accepted []engram.RowNote `json:"accepted,omitempty"`
}

// Items are for JSON.
func Items(behind []recognition.Projection) []Item {
	var items []Item
	for _, b := range behind {
		items = append(items, Item{
			ID: b.ID.String(), RemoteIDs: command.Texts(b.Parts, func(p recognition.Part) string { return p.ID.String() }),
			Personal: b.Personal, Foreign: total(b.Foreign), Unjudged: b.Unjudged,
			LeftOut: append([]engram.RowNote{}, b.LeftOut...), Filled: append([]engram.RowNote{}, b.Filled...), Accepted: b.Accepted,
		})
	}
	return items
}

// Note says what does not go to a project server, and what is not
// taken from it: in one line each, and with -v for each chunk. What was mended is
// told of the chunks that are moving. Rows that are left out are failures, which
// have a line of their own.
func Note(term *terminal.Terminal, behind []recognition.Projection, serverMade []engram.ChunkEntry, moving map[engram.ChunkID]bool) {
	var personal, accepted, mended, nothing, unjudged int
	foreign, fields := map[string]int{}, map[string]int{}
	for _, b := range behind {
		personal, accepted, unjudged = personal+b.Personal, accepted+len(b.Accepted), unjudged+b.Unjudged
		for name, n := range b.Foreign {
			foreign[name] += n
		}
		if moving[b.ID] {
			mended += countMended(b.Filled, fields)
		}
		if onlyForeign(b) {
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
		{total(foreign), "row", "of other projects not sent: " + projectsListed(foreign)},
		{personal, "personal row", "not sent (--include-personal sends them)"},
		{unjudged, "relation", "not sent: not judged yet, and no server takes such ones"},
		{accepted, "row", "left out, as was accepted (-v lists them)"},
		{mended, "row", "with blanks filled in: " + command.Counts(fields) + " (-v lists them; --strict sends only what fits as it is)"},
		{len(serverMade), "chunk", "made by the server of mutations not taken (--include-server-chunks takes them)"},
	} {
		if line.n > 0 {
			term.Note("%s %s", terminal.Count(line.n, line.noun), line.text)
		}
	}
}

func noteChunk(term *terminal.Terminal, b recognition.Projection) {
	if onlyForeign(b) {
		term.Note("chunk %s: nothing for this project", b.ID)
	}
	for _, r := range slices.Concat(b.LeftOut, b.Accepted) {
		term.Note("chunk %s: left out: %s", b.ID, r)
	}
	for _, r := range b.Filled {
		term.Note("chunk %s: %s", b.ID, r)
	}
}

// onlyForeign says whether a chunk has rows, and all are of other projects.
func onlyForeign(b recognition.Projection) bool {
	return len(b.Parts)+len(b.LeftOut)+len(b.Accepted)+b.Personal+b.Unjudged == 0 && len(b.Foreign) > 0
}

// maxProjects is how many projects a line names.
const maxProjects = 3

// projectsListed names the projects of rows, and how those of the first are sent.
func projectsListed(rows map[string]int) string {
	names := command.ByCount(rows)
	if len(names) == 0 {
		return ""
	}
	var parts []string
	for _, name := range names[:min(len(names), maxProjects)] {
		parts = append(parts, fmt.Sprintf("%d of %s", rows[name], terminal.Visible(name)))
	}
	if more := len(names) - maxProjects; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more projects", more))
	}
	return strings.Join(parts, ", ") + " (" + surroundings.ProjectFlag(names[0]) + " sends those)"
}

// WrongProject is the error of a directory that has rows, all of other projects,
// where the server has nothing of this one: its name is hardly the right one.
func WrongProject(conn *workspace.Connection, diff *syncer.Diff) error {
	foreign := map[string]int{}
	for _, b := range diff.Omitted {
		if !onlyForeign(b) {
			return nil
		}
		for name, n := range b.Foreign {
			foreign[name] += n
		}
	}
	if !conn.PerProject() || len(foreign) == 0 || len(diff.There.Entries())+len(diff.Present)+len(diff.ToPush) > 0 {
		return nil
	}
	text := fmt.Sprintf("nothing here is of project %s, from %s: the rows are %s", terminal.Visible(conn.Project.Name),
		terminal.Visible(conn.Project.From), projectsListed(foreign))
	if near := surroundings.NamesNear(conn.Project.Name, slices.Collect(maps.Keys(foreign))); len(near) > 0 {
		text += "; the nearest name is " + terminal.Visible(near[0]) + " (" + surroundings.ProjectFlag(near[0]) + ")"
	}
	return terminal.Usagef("%s", text)
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

func total(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

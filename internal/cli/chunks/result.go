package chunks

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// resultDocument is what push, pull and sync print in JSON mode.
type resultDocument struct {
	Schema  int           `json:"schema"`
	Moved   []movedItem   `json:"moved"`
	Present []presentItem `json:"present"`
	Failed  []failedItem  `json:"failed"`
	Planned []plannedItem `json:"planned,omitempty"` // only with --dry-run
	Adopted []string      `json:"adopted,omitempty"`
	Orphans []string      `json:"orphans,omitempty"` // of push: chunk files that no manifest names
	// Of project servers only: what of the chunks does not go there, and chunks
	// there that the server made itself.
	LeftBehind []leftBehindItem `json:"left_behind,omitempty"`
	ServerMade []string         `json:"server_made,omitempty"`
	Summary    resultSummary    `json:"summary"`
}

type movedItem struct {
	ID        engram.ChunkID `json:"id"`
	RemoteID  engram.ChunkID `json:"remote_id"`
	Direction work.Direction `json:"direction"`
	Bytes     int64          `json:"bytes"`
}

type presentItem struct {
	ID       engram.ChunkID `json:"id"`
	RemoteID engram.ChunkID `json:"remote_id"`
}

type plannedItem struct {
	engram.ChunkEntry
	RemoteID  engram.ChunkID
	Direction work.Direction
}

// newPlannedItem has the id that the chunk has here, if it is here.
func newPlannedItem(item syncer.Item) plannedItem {
	p := plannedItem{ChunkEntry: item.Entry, RemoteID: item.Remote, Direction: item.Direction}
	p.ID = item.ID()
	return p
}

// MarshalJSON adds what is planned to the members of the entry.
func (p plannedItem) MarshalJSON() ([]byte, error) {
	return entryWith(p.ChunkEntry, fmt.Sprintf(`,"remote_id":%q,"direction":%q`, p.RemoteID, p.Direction))
}

// entryWith is a manifest entry in JSON with more members.
func entryWith(e engram.ChunkEntry, members string) ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return append(append(text[:len(text)-1], members...), '}'), nil
}

type resultSummary struct {
	Remote  string `json:"remote"`
	Dir     string `json:"dir"`
	DryRun  bool   `json:"dry_run"`
	Moved   int    `json:"moved"`
	Present int    `json:"present"`
	Failed  int    `json:"failed"`
	Adopted int    `json:"adopted"`
	Bytes   int64  `json:"bytes"`
}

// result is what one command did, in one direction or both.
type result struct {
	remote, dir string
	dryRun      bool
	exitCode    bool // differences are an exit code of their own
	planned     []syncer.Item
	behind      []syncer.Projection
	serverMade  []engram.ChunkEntry
	orphans     []engram.ChunkID
	adopted     []engram.ChunkID
	syncer.Result
}

// printResult prints how a run ended, and gives the error that makes its exit
// code. A partial run still says what it moved.
func printResult(term *terminal.Terminal, ws *workspace.Workspace, r result) error {
	if term.JSON {
		terminal.PrintJSON(term.Stdout, r.document())
	} else {
		printResultText(term, ws, r)
	}
	return exitStatus(term, len(r.Moved)+len(r.adopted), r.Failed, r.exitCode && len(r.planned)+len(r.adopted) > 0)
}

func (r result) document() resultDocument {
	doc := resultDocument{Schema: terminal.Schema, Moved: []movedItem{}, Present: []presentItem{}, Failed: failedItems(r.Failed)}
	doc.Summary = resultSummary{
		Remote: r.remote, Dir: r.dir, DryRun: r.dryRun,
		Moved: len(r.Moved), Present: len(r.Present), Failed: len(r.Failed), Adopted: len(r.adopted),
	}
	for _, m := range r.Moved {
		doc.Moved = append(doc.Moved, movedItem{ID: m.Local, RemoteID: m.Remote, Direction: m.Direction, Bytes: m.Bytes})
		doc.Summary.Bytes += m.Bytes
	}
	for _, p := range r.Present {
		doc.Present = append(doc.Present, presentItem{ID: p.Local, RemoteID: p.Remote})
	}
	for _, p := range r.planned {
		doc.Planned = append(doc.Planned, newPlannedItem(p))
	}
	doc.Adopted, doc.Orphans = texts(r.adopted, engram.ChunkID.String), texts(r.orphans, engram.ChunkID.String)
	doc.LeftBehind, doc.ServerMade = leftBehindItems(r.behind), texts(r.serverMade, entryID)
	return doc
}

func printResultText(term *terminal.Terminal, ws *workspace.Workspace, r result) {
	printFailures(term, ws, r.Failed)
	if term.Quiet {
		return
	}
	for _, p := range r.planned {
		fmt.Fprintf(term.Stdout, "would %s %s  %s\n", p.Direction, p.ID(), describe(p.Entry))
	}
	if term.Verbose && !r.dryRun {
		for _, m := range r.Moved {
			fmt.Fprintf(term.Stdout, "%s %s  %s, %s\n", past(m.Direction), m.ID(), describe(m.Entry), terminal.Size(m.Bytes))
		}
		for _, id := range r.adopted {
			fmt.Fprintf(term.Stdout, "adopted %s\n", id)
		}
	}
	fmt.Fprintln(term.Stdout, r.summary())
	if n := len(r.orphans); n > 0 {
		term.Note("%s without a manifest entry not pushed: `engram-sync sync` gives them one, and pushes them", terminal.Count(n, "chunk file"))
	}
	noteLeftBehind(term, r.behind, r.serverMade)
}

// summary is the last line of a run.
func (r result) summary() string {
	var parts []string
	for _, d := range []work.Direction{work.Pulled, work.Pushed} {
		moved, bytes := 0, int64(0)
		for _, m := range r.Moved {
			if m.Direction == d {
				moved, bytes = moved+1, bytes+m.Bytes
			}
		}
		if moved > 0 {
			parts = append(parts, fmt.Sprintf("%s %s (%s)", past(d), terminal.Count(moved, "chunk"), terminal.Size(bytes)))
		}
	}
	if len(r.adopted) > 0 {
		verb := "adopted "
		if r.dryRun {
			verb = "would adopt "
		}
		parts = append(parts, verb+terminal.Count(len(r.adopted), "chunk file"))
	}
	if r.dryRun {
		parts = append(parts, "would move "+terminal.Count(len(r.planned), "chunk"))
	}
	if len(parts) == 0 && len(r.Failed) == 0 {
		parts = append(parts, "nothing to do")
	}
	if len(r.Failed) > 0 {
		parts = append(parts, terminal.Count(len(r.Failed), "chunk")+" failed")
	}
	return strings.Join(parts, ", ") + fmt.Sprintf("; %s here and on %s", terminal.Count(len(r.Present)+len(r.Moved), "chunk"), r.remote)
}

func past(d work.Direction) string {
	if d == work.Pulled {
		return "pulled"
	}
	return "pushed"
}

// describe says in a few words what a chunk is.
func describe(e engram.ChunkEntry) string {
	return fmt.Sprintf("%s by %s: %s, %s, %s", e.CreatedAt, strconv.QuoteToGraphic(e.CreatedBy),
		terminal.Count(e.Sessions, "session"), terminal.Count(e.Memories, "memory"), terminal.Count(e.Prompts, "prompt"))
}

// texts gives a text for each of a list; JSON has no null for none.
func texts[T any](list []T, text func(T) string) []string {
	out := make([]string, len(list))
	for i, one := range list {
		out[i] = text(one)
	}
	return out
}

func entryID(e engram.ChunkEntry) string { return e.ID.String() }

func rejectedID(r engram.RejectedEntry) string { return r.ID }

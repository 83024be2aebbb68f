package chunks

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/cli/chunks/export"
	"github.com/engram-sync/engram-sync/internal/cli/chunks/failures"
	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/leftbehind"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// resultDocument is what push, pull and sync print in JSON mode.
type resultDocument struct {
	Schema  int                  `json:"schema"`
	Moved   []movedItem          `json:"moved"`
	Present []presentItem        `json:"present"`
	Failed  []command.FailedItem `json:"failed"`
	Planned []plannedItem        `json:"planned,omitempty"` // only with --dry-run
	Adopted []string             `json:"adopted,omitempty"`
	Orphans []string             `json:"orphans,omitempty"` // of push: chunk files that no manifest names; of sync: those that were put back
	// Left are chunks of other projects that stay on an account server.
	Left []string `json:"left,omitempty"`
	// Unasked are chunks that stay on the remote by --include and --exclude.
	Unasked []string `json:"unasked,omitempty"`
	// Replaced are chunks there whose place others have taken here.
	Replaced []replacedItem `json:"replaced,omitempty"`
	// Unseen is how many of the planned ones were not looked at yet.
	Unseen int `json:"unseen,omitempty"`
	// Of project servers only: what of the chunks does not go there, and chunks
	// there that the server made itself.
	LeftBehind []leftbehind.Item `json:"left_behind,omitempty"`
	ServerMade []string          `json:"server_made,omitempty"`
	// Of sync --export: the chunks that were made first (with --dry-run: would be).
	Exported []export.Chunk `json:"exported,omitempty"`
	// What looks like a secret in the chunks that were pushed, or are to be, and that nobody accepted.
	Secrets []surroundings.Secret `json:"secrets,omitempty"`
	Summary resultSummary         `json:"summary"`
}

type movedItem struct {
	ID        engram.ChunkID `json:"id"`
	RemoteID  engram.ChunkID `json:"remote_id"`
	Direction work.Direction `json:"direction"`
	Bytes     int64          `json:"bytes"`
	// Restored: an old client had reduced the chunk, so that its id here is another.
	Restored bool `json:"restored,omitempty"`
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

// MarshalJSON adds what is planned to the members of the entry.
func (p plannedItem) MarshalJSON() ([]byte, error) {
	return command.EntryWith(p.ChunkEntry, fmt.Sprintf(`,"remote_id":%q,"direction":%q`, p.RemoteID, p.Direction))
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
	// The project of a project server, and what named it; "" on account servers.
	Project     string `json:"project"`
	ProjectFrom string `json:"project_from"`
}

// print prints how a run ended, and gives the error that makes its exit
// code. A partial run still says what it moved.
func (t *transfer) print() error {
	if t.term.JSON && !t.watching.on { // which says what has changed
		t.term.Document(t.document())
	}
	if t.term.Tells() && !t.watching.on {
		t.printText()
	}
	failed := slices.Concat(t.exported.Failed, t.Failed)
	moved := len(t.Moved) + len(t.adopted)
	if moved == 0 && problem.CodeOfAll(0, failed) == problem.Refused { // what is there already makes it a part, on every run as on the first
		moved = len(t.Present) + len(t.planned)
	}
	return failures.ExitStatus(t.term, moved, t.inAll(failed), failed, t.exitCode && len(t.planned)+len(t.adopted)+len(t.exported.Chunks()) > 0)
}

func (t *transfer) document() resultDocument {
	doc := resultDocument{Schema: terminal.Schema, Moved: []movedItem{}, Present: []presentItem{}, Failed: command.FailedItems(slices.Concat(t.exported.Failed, t.Failed))}
	doc.Summary = resultSummary{
		Remote: t.remote, Dir: t.path, DryRun: t.dryRun,
		Moved: len(t.Moved), Present: len(t.Present), Failed: len(doc.Failed), Adopted: len(t.adopted),
		Project: t.of.Name, ProjectFrom: t.of.From,
	}
	for _, m := range t.Moved {
		doc.Moved = append(doc.Moved, movedItem{ID: m.Local, RemoteID: m.Remote, Direction: m.Direction, Bytes: m.Bytes, Restored: m.Restored})
		doc.Summary.Bytes += m.Bytes
	}
	for _, p := range t.Present {
		doc.Present = append(doc.Present, presentItem{ID: p.Local, RemoteID: p.Remote})
	}
	for _, p := range t.planned {
		item := plannedItem{ChunkEntry: *p.Entry, RemoteID: p.Remote, Direction: p.Direction}
		item.ID = p.ID() // that which the chunk has here, if it is here
		doc.Planned = append(doc.Planned, item)
	}
	doc.Adopted = command.Texts(t.adopted, engram.ChunkID.String)
	for _, f := range t.Failed {
		if problem.As[*syncer.OrphanError](f.Err) {
			doc.Orphans = append(doc.Orphans, f.ID)
		}
	}
	doc.Exported, doc.Secrets = t.exported.Chunks(), t.secrets
	doc.Left = command.Texts(t.Left, func(i syncer.Item) string { return i.Remote.String() })
	doc.Unasked = command.Texts(t.Unasked, func(i syncer.Item) string { return i.Remote.String() })
	doc.Unseen, doc.Replaced = t.unseen, replacedItems(t.Replaced)
	doc.LeftBehind, doc.ServerMade = leftbehind.Items(t.behind), command.Texts(t.serverMade, entryID)
	return doc
}

func (t *transfer) printText() {
	failures.Print(t.term, t.ws, len(t.moving()), t.Failed)
	if t.term.Quiet || t.term.JSON {
		return
	}
	for _, p := range t.planned {
		fmt.Fprintf(t.term.Stdout, "would %s %s  %s\n", p.Direction, p.ID(), command.EntryText(*p.Entry))
	}
	if t.term.Verbose && !t.dryRun {
		for _, m := range t.Moved {
			fmt.Fprintf(t.term.Stdout, "%s %s  %s, %s\n", past(m.Direction), m.ID(), command.EntryText(*m.Entry), terminal.Size(m.Bytes))
		}
		for _, id := range t.adopted {
			fmt.Fprintf(t.term.Stdout, "adopted %s\n", id)
		}
	}
	fmt.Fprintln(t.term.Stdout, t.term.Typed(t.summary()))
	leftbehind.Note(t.term, t.behind, t.serverMade, t.moving())
	if t.accepted > 0 {
		t.term.Note("%s accepted to stay here: later runs only count them", terminal.Count(t.accepted, "row"))
	}
	if t.unseen > 0 && !t.wants.IsZero() {
		t.term.Note("of the chunks to pull, %d not looked at yet: those that nobody asks for will stay there", t.unseen)
	} else if t.unseen > 0 {
		t.term.Note("of the chunks to pull, %s", unseenText(t.unseen))
	}
	t.noteRestored()
	t.noteLeft()
	t.noteUnasked()
	noteReplaced(t.term, t.Replaced)
}

// moving are the chunks, by their ids here, of which something moved, or would.
func (t *transfer) moving() map[engram.ChunkID]bool {
	ids := map[engram.ChunkID]bool{}
	for _, m := range t.Moved {
		ids[m.Local] = true
	}
	for _, p := range t.planned {
		ids[p.ID()] = true
	}
	return ids
}

// noteRestored says what came as old clients left it, and what of it is not needed
// any more.
func (t *transfer) noteRestored() {
	restored := 0
	for _, m := range t.Moved {
		if m.Restored {
			restored++
		}
	}
	if restored > 0 {
		t.term.Note("%s restored: an old client had re-encoded them while pushing, so their times are lost and their ids here are others "+
			"(--strict leaves such chunks there)", terminal.Count(restored, "chunk"))
	}
	if len(t.twins) > 0 {
		t.term.Note("%s not needed any more: %s", terminal.Count(len(t.twins), "restored chunk"), retireTwins)
	}
}

const retireTwins = "the true ones are here, and `engram-sync verify --repair` retires the others"

// summary is the last line of a run. It counts the chunks that there are here,
// and not the parts that a project server has of them.
func (t *transfer) summary() string {
	var parts []string
	for _, d := range []work.Direction{work.Pulled, work.Pushed} {
		moved, bytes := map[engram.ChunkID]bool{}, int64(0)
		for _, m := range t.Moved {
			if m.Direction == d {
				moved[m.ID()], bytes = true, bytes+m.Bytes
			}
		}
		if len(moved) > 0 {
			parts = append(parts, fmt.Sprintf("%s %s (%s)", past(d), terminal.Count(len(moved), "chunk"), terminal.Size(bytes)))
		}
	}
	if len(t.adopted) > 0 {
		verb := "adopted "
		if t.dryRun {
			verb = "would adopt "
		}
		parts = append(parts, verb+terminal.Count(len(t.adopted), "chunk file"))
	}
	if t.dryRun {
		parts = append(parts, "would move "+terminal.Count(len(t.moving()), "chunk"))
	}
	if t.nothingAnywhere() {
		return fmt.Sprintf("no chunk yet, neither here nor on %s: `engram-sync export` makes the first of what engram.db holds", t.called) + ofProject(t.of)
	}
	if len(parts) == 0 && len(t.Failed) == 0 {
		parts = append(parts, "nothing to do")
		if len(t.Unasked) > 0 {
			parts[0] = "nothing more of what was asked for"
		}
	}
	if len(t.Failed) > 0 {
		parts = append(parts, command.FailedWords(t.Failed))
	}
	n := len(t.onBothSides())
	if n == 0 && t.dryRun { // a first push or pull: what would be has no need of it
		return strings.Join(parts, ", ") + ofProject(t.of)
	}
	both := "no chunk is both here and on "
	if n > 0 {
		both = terminal.Count(n, "chunk") + " here and on "
	}
	return strings.Join(parts, ", ") + "; " + both + t.called + ofProject(t.of)
}

// onBothSides are the chunks, by the ids to call them by, that are here and there.
func (t *transfer) onBothSides() map[engram.ChunkID]bool {
	both := make(map[engram.ChunkID]bool, len(t.Present)+len(t.Moved))
	for _, p := range t.Present {
		both[p.Local] = true
	}
	for _, m := range t.Moved {
		both[m.ID()] = true
	}
	for _, f := range t.Failed { // there may be some of it
		if id, err := engram.ParseChunkID(f.ID); err == nil {
			delete(both, id)
		}
	}
	return both
}

// inAll is how many chunks a run was about of which some failed; nobody asks for others.
func (t *transfer) inAll(failed []work.Failure) int {
	if len(failed) == 0 {
		return 0
	}
	all, others := t.onBothSides(), map[string]bool{}
	for _, id := range t.adopted {
		all[id] = true
	}
	for _, f := range failed {
		if id, err := engram.ParseChunkID(f.ID); err == nil {
			all[id] = true
		} else {
			others[f.ID] = true
		}
	}
	return len(all) + len(others)
}

// nothingAnywhere says that a pull or sync found nothing on either side, which is no news of
// both being the same. One with --export has looked into engram.db, too.
func (t *transfer) nothingAnywhere() bool {
	return t.blank && !t.exporting && len(t.planned)+len(t.Moved)+len(t.Failed)+len(t.Present)+len(t.Left)+len(t.Unasked)+len(t.Replaced)+len(t.serverMade) == 0
}

// ofProject names the project that a project server was asked about, and what
// named it.
func ofProject(p workspace.Project) string {
	if p.Name == "" {
		return ""
	}
	return fmt.Sprintf(" (project %s, from %s)", terminal.Visible(p.Name), terminal.Visible(p.From))
}

func past(d work.Direction) string {
	if d == work.Pulled {
		return "pulled"
	}
	return "pushed"
}

func entryID(e engram.ChunkEntry) string { return e.ID.String() }

func rejectedID(r engram.RejectedEntry) string { return r.ID }

// noteVersion says after a transfer, which writes a manifest only if something came, that
// its version is too low beside this user's engram.db.
func (t *transfer) noteVersion(ctx context.Context, here *engram.Manifest) {
	came := len(t.adopted) > 0 || slices.ContainsFunc(t.Moved, func(m syncer.Moved) bool { return m.Direction == work.Pulled })
	if t.term.Quiet || t.term.JSON || came || len(here.Entries()) == 0 || here.Version() >= surroundings.MinVersion(ctx, t.ws) {
		return
	}
	t.term.Note("note: the manifest has version %d, and engram.db is of 2.x or later, which may refuse to import what it lists: run `engram-sync verify --repair`", here.Version())
}

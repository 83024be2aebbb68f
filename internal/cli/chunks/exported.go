package chunks

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memories"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// exportRun is what one export did, or would do.
type exportRun struct {
	dir, database    string
	project          workspace.Project
	legacy           bool // a database of 1.9.4
	dryRun, exitCode bool

	found   compared
	drafts  []memories.Draft
	written []memories.Draft
	failed  []work.Failure
}

// exportDocument is what export prints in JSON mode.
type exportDocument struct {
	Schema  int             `json:"schema"`
	Moved   []exportedChunk `json:"moved"`
	Present []string        `json:"present"` // always empty
	Failed  []failedItem    `json:"failed"`
	Planned []exportedChunk `json:"planned,omitempty"` // only with --dry-run
	Rows    []exportedRow   `json:"rows,omitempty"`    // only with --dry-run
	Unread  []failedItem    `json:"unread"`
	Summary exportSummary   `json:"summary"`
}

type exportedChunk struct {
	engram.ChunkEntry
	Bytes int
}

// MarshalJSON adds the size to the members of the entry.
func (c exportedChunk) MarshalJSON() ([]byte, error) {
	return entryWith(c.ChunkEntry, fmt.Sprintf(`,"bytes":%d`, c.Bytes))
}

type exportedRow struct {
	Kind    string          `json:"kind"` // session, memory or prompt
	ID      string          `json:"id"`   // the sync_id, or that of a session
	Title   string          `json:"title"`
	Project string          `json:"project"`
	Reason  memories.Reason `json:"reason"`
	Chunk   engram.ChunkID  `json:"chunk"`
}

// exportSummary counts chunks, and the rows that were in no chunk before; their
// sessions can come with them without having been left behind.
type exportSummary struct {
	Dir      string `json:"dir"`
	Database string `json:"database"`
	DryRun   bool   `json:"dry_run"`
	Chunks   int    `json:"chunks"`
	Failed   int    `json:"failed"`
	Bytes    int    `json:"bytes"`
	unexportedDocument
}

// printExport prints how an export ended, and gives the error that makes its
// exit code.
func printExport(term *terminal.Terminal, ws *workspace.Workspace, r exportRun) error {
	warnExport(term, r)
	if term.JSON {
		terminal.PrintJSON(term.Stdout, r.document())
	} else {
		printExportText(term, ws, r)
	}
	return exitStatus(term, len(r.written), r.failed, r.dryRun && r.exitCode && len(r.drafts) > 0)
}

// warnExport says what can go wrong with the result.
func warnExport(term *terminal.Terminal, r exportRun) {
	for _, f := range r.found.unread {
		term.Warn(fmt.Sprintf("chunk %s: what it holds is not known, so it counts as nothing: %s", f.ID, terminal.OneLine(f.Err.Error())))
	}
	if n := r.found.Total().Unnamed; n > 0 {
		term.Warn(unnamedSentence(n))
	}
	if updates := r.updates(); r.legacy && len(r.drafts) > 0 {
		text := "engram 1.9.4 adds rows a second time: do not import this chunk into the database that it came from"
		if updates > 0 {
			text += fmt.Sprintf(", and expect a second row for each of %s wherever 1.9.4 imports it; 1.16.1 updates rows in place", terminal.Count(updates, "changed row"))
		}
		term.Warn(text)
	}
}

// updates counts the rows that others may have in an older form.
func (r exportRun) updates() int {
	n := 0
	for _, row := range r.found.Rows {
		if row.Kind != engram.SessionRow && (row.Reason == memories.Edited || row.Reason == memories.Deleted) {
			n++
		}
	}
	return n
}

func (r exportRun) document() exportDocument {
	doc := exportDocument{
		Schema: terminal.Schema, Moved: exportedChunks(r.written), Present: []string{},
		Failed: failedItems(r.failed), Unread: failedItems(r.found.unread),
	}
	chunks := doc.Moved
	if r.dryRun {
		doc.Planned = exportedChunks(r.drafts)
		chunks = doc.Planned
		for _, d := range r.drafts {
			for _, row := range d.Rows {
				doc.Rows = append(doc.Rows, exportedRowOf(row, d.Entry.ID))
			}
		}
	}
	doc.Summary = exportSummary{
		Dir: r.dir, Database: r.database, DryRun: r.dryRun, Chunks: len(chunks), Failed: len(r.failed),
		unexportedDocument: unexported{r.project, r.found.Tallies}.document(),
	}
	for _, c := range chunks {
		doc.Summary.Bytes += c.Bytes
	}
	return doc
}

func exportedChunks(drafts []memories.Draft) []exportedChunk {
	chunks := []exportedChunk{}
	for _, d := range drafts {
		chunks = append(chunks, exportedChunk{d.Entry, len(d.Text)})
	}
	return chunks
}

func exportedRowOf(row memories.Row, chunk engram.ChunkID) exportedRow {
	out := exportedRow{Project: row.Project, Reason: row.Reason, Chunk: chunk}
	switch {
	case row.Observation != nil:
		out.Kind, out.ID, out.Title = "memory", row.Observation.SyncID, row.Observation.Title
	case row.Prompt != nil:
		out.Kind, out.ID, out.Title = "prompt", row.Prompt.SyncID, shorten(row.Prompt.Content)
	case row.Session != nil:
		out.Kind, out.ID = "session", row.Session.ID
	}
	return out
}

// reasonWords says a reason to people.
var reasonWords = map[memories.Reason]string{
	memories.New:         "not in any chunk yet",
	memories.Older:       "older than the newest entry",
	memories.SameSecond:  "made in the second of the newest entry",
	memories.FutureEntry: "the newest entry lies in the future",
	memories.Edited:      "edited since its chunk",
	memories.Deleted:     "deleted here",
	memories.Ended:       "ended since its chunk",
}

func printExportText(term *terminal.Terminal, ws *workspace.Workspace, r exportRun) {
	for _, f := range r.failed {
		printFailure(term, f, problem.NextStep(f.Err, ws.TokenFrom))
	}
	if term.Quiet {
		return
	}
	verb, drafts := "wrote", r.written
	if r.dryRun {
		verb, drafts = "would write", r.drafts
	}
	for _, d := range drafts {
		if !r.dryRun && !term.Verbose {
			break
		}
		fmt.Fprintf(term.Stdout, "%s %s  %s, %s\n", verb, d.Entry.ID, describe(d.Entry), terminal.Size(int64(len(d.Text))))
		for _, row := range d.Rows {
			shown := exportedRowOf(row, d.Entry.ID)
			title := ""
			if shown.Title != "" {
				title = strconv.QuoteToGraphic(shorten(shown.Title)) + ", "
			}
			fmt.Fprintf(term.Stdout, "  %s %s: %s%s\n", shown.Kind, terminal.Visible(shown.ID), title, reasonWords[shown.Reason])
		}
	}
	fmt.Fprintln(term.Stdout, r.summary(verb, drafts))
}

// summary is the last line of a run.
func (r exportRun) summary(verb string, drafts []memories.Draft) string {
	where := "all projects"
	if r.project.Name != "" {
		where = fmt.Sprintf("project %s (%s)", terminal.Visible(r.project.Name), terminal.Visible(r.project.From))
	}
	total := r.found.Total()
	var text string
	switch {
	case len(r.failed) > 0:
		text = fmt.Sprintf("%s %s, %d failed; %s", verb, terminal.Count(len(drafts), "chunk"), len(r.failed), where)
	case total == memories.Tally{}:
		text = "nothing to export: engram.db has nothing of " + where
	case len(drafts) == 0:
		text = "nothing to export: the chunks hold everything of " + where
	default:
		text = fmt.Sprintf("%s %s with %s of %s", verb, terminal.Count(len(drafts), "chunk"), tallyWords(total), where)
	}
	if total.Personal > 0 {
		text += fmt.Sprintf("; %s left out (--include-personal)", terminal.Count(total.Personal, "personal memory"))
	}
	return text
}

// shorten makes one short line of a text.
func shorten(text string) string {
	const most = 60
	runes := []rune(strings.Join(strings.Fields(text[:min(len(text), 8*most)]), " "))
	if len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return string(runes)
}

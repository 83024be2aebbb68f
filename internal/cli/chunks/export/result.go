package export

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/engram-sync/engram-sync/internal/cli/chunks/failures"
	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memories"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// documentHead is the document of an export up to its rows, which are there with --dry-run
// only, and can be many.
type documentHead struct {
	Schema  int                  `json:"schema"`
	Moved   []Chunk              `json:"moved"`
	Present []string             `json:"present"` // always empty
	Failed  []command.FailedItem `json:"failed"`
	Planned []Chunk              `json:"planned,omitempty"` // only with --dry-run
}

// documentTail is what follows "rows".
type documentTail struct {
	Unread []command.FailedItem `json:"unread"`
	// What looks like a secret in the chunks, and that nobody accepted.
	Secrets []surroundings.Secret `json:"secrets,omitempty"`
	Summary documentSummary       `json:"summary"`
}

// Chunk is a chunk that was written, in JSON mode.
type Chunk struct {
	engram.ChunkEntry
	Bytes int
}

// MarshalJSON adds the size to the members of the entry.
func (c Chunk) MarshalJSON() ([]byte, error) {
	return command.EntryWith(c.ChunkEntry, fmt.Sprintf(`,"bytes":%d`, c.Bytes))
}

type shownRow struct {
	Kind    string          `json:"kind"` // session, memory, prompt or relation
	ID      string          `json:"id"`   // the sync_id, or that of a session
	Title   string          `json:"title"`
	Project string          `json:"project"`
	Reason  memories.Reason `json:"reason"`
	Chunk   engram.ChunkID  `json:"chunk"`
}

// documentSummary counts chunks, and the rows that were in no chunk before; their
// sessions can come with them without having been left behind.
type documentSummary struct {
	Dir      string `json:"dir"`
	Database string `json:"database"`
	DryRun   bool   `json:"dry_run"`
	Chunks   int    `json:"chunks"`
	Failed   int    `json:"failed"`
	Bytes    int    `json:"bytes"`
	*surroundings.Unexported
}

// print prints how an export ended, and gives the error that makes its
// exit code.
func (x *Run) print() error {
	x.warn()
	if x.term.JSON {
		if err := x.printJSON(); err != nil {
			return err
		}
	}
	if x.term.Tells() {
		if err := x.printText(); err != nil {
			return err
		}
	}
	return failures.ExitStatus(x.term, len(x.written), len(x.written)+failures.Count(x.Failed), x.Failed, x.dryRun && x.exitCode && len(x.drafts) > 0)
}

func (x *Run) warn() {
	if !x.pushes || x.dryRun || x.ws.Config.FailOnSecrets { // else the push says it
		surroundings.WarnOfSecrets(x.term, x.ws, x.secrets)
	}
	const most = 10
	for i, row := range x.found.Held {
		if i == most {
			x.term.Warn(fmt.Sprintf("and %d more rows are not written for the same reason", len(x.found.Held)-most))
			break
		}
		x.term.Warn(fmt.Sprintf("%s %s is not written: it has text that was taken out of the chunks here; change it in engram, too",
			kindWords[row.Kind], terminal.Visible(row.ID)))
	}
	for _, f := range x.found.Unread {
		x.term.Warn(fmt.Sprintf("chunk %s: what it holds is not known, so it counts as nothing: %s", f.ID, terminal.OneLine(f.Err.Error())))
	}
	for _, d := range x.drafts {
		if d.NoDirectory != "" {
			others := "other chunks are not held up"
			if x.version < 2 { // Source: engram-2.md 10.
				others = "and beside a manifest of version 1 perhaps all others: `engram-sync verify --for 2.x` tells"
			}
			x.term.Warn(fmt.Sprintf("session %s has no directory in engram.db: with its rows it is in a chunk of its own, %s, which engram 2.x refuses to import; %s",
				terminal.Visible(d.NoDirectory), d.Entry.ID, others))
		}
	}
	if n := x.found.Total().Unnamed; n > 0 {
		x.term.Warn(surroundings.UnnamedSentence(n))
	}
	if updates := x.updates(); x.legacy && len(x.drafts) > 0 {
		text := "engram 1.9.4 adds rows a second time: do not import this chunk into the database that it came from"
		if updates > 0 {
			text += fmt.Sprintf(", and expect a second row for each of %s wherever 1.9.4 imports it; 1.16.1 updates rows in place", terminal.Count(updates, "changed row"))
		}
		x.term.Warn(text)
	}
}

// updates counts the rows that others may have in an older form.
func (x *Run) updates() int {
	n := 0
	for _, row := range x.found.Rows {
		if (row.Kind == engram.ObservationRow || row.Kind == engram.PromptRow) && (row.Reason == memories.Edited || row.Reason == memories.Deleted) {
			n++
		}
	}
	return n
}

// printJSON prints the document: in pieces, which so is in memory for one row, unless the user
// chooses something of it. What cannot be written is told by stdout itself.
func (x *Run) printJSON() error {
	if x.term.Filtered() == "" {
		return x.writeJSON(x.term.Stdout.Block())
	}
	var whole bytes.Buffer
	if err := x.writeJSON(&whole); err != nil {
		return err
	}
	x.term.Document(json.RawMessage(whole.Bytes()))
	return nil
}

func (x *Run) writeJSON(w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	head, tail := x.document()
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	_, _ = out.Write(text[:len(text)-1])
	rows := 0
	for _, d := range x.drafts {
		if !x.dryRun {
			break
		}
		err := x.eachShown(d, func(row shownRow) error {
			text, err := json.Marshal(row)
			_, _ = out.WriteString([]string{`,"rows":[`, ","}[min(rows, 1)])
			_, _ = out.Write(text)
			rows++
			return err
		})
		if err != nil {
			return err
		}
	}
	if rows > 0 {
		_ = out.WriteByte(']')
	}
	if text, err = json.Marshal(tail); err != nil {
		return err
	}
	text[0] = ','
	_, _ = out.Write(append(text, '\n'))
	_ = out.Flush()
	return nil
}

// eachShown gives what is shown of the rows of a draft.
func (x *Run) eachShown(d memories.Draft, show func(shownRow) error) error {
	for _, of := range d.Rows {
		row, err := x.found.Load(of)
		if err == nil {
			err = show(shownRowOf(row, d.Entry.ID))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (x *Run) document() (documentHead, documentTail) {
	head := documentHead{
		Schema: terminal.Schema, Moved: []Chunk{}, Present: []string{}, Failed: command.FailedItems(x.Failed),
	}
	chunks := x.Chunks()
	if x.dryRun {
		head.Planned = chunks
	} else {
		head.Moved = chunks
	}
	summary := documentSummary{
		Dir: x.path, Database: x.db.Path(), DryRun: x.dryRun, Chunks: len(chunks), Failed: len(x.Failed),
		Unexported: surroundings.NewUnexported(x.project, x.found.Tallies),
	}
	for _, c := range chunks {
		summary.Bytes += c.Bytes
	}
	return head, documentTail{Unread: command.FailedItems(x.found.Unread), Secrets: x.secrets, Summary: summary}
}

// Chunks are those that were written, or would be in a dry run; never nil.
func (x *Run) Chunks() []Chunk {
	chunks := []Chunk{}
	for _, d := range x.shown() {
		chunks = append(chunks, Chunk{d.Entry, d.Size})
	}
	return chunks
}

// shown are the drafts that were written, or would be in a dry run.
func (x *Run) shown() []memories.Draft {
	if x.dryRun {
		return x.drafts
	}
	return x.written
}

func shownRowOf(row memories.Row, chunk engram.ChunkID) shownRow {
	out := shownRow{Project: row.Project, Reason: row.Reason, Chunk: chunk}
	switch {
	case row.Deletion != nil:
		out.Kind, out.ID = kindWords[row.Kind], row.Deletion.Key
	case row.Relation != nil:
		out.Kind, out.ID, out.Title = "relation", row.Relation.SyncID, row.Relation.Relation
	case row.Observation != nil:
		out.Kind, out.ID, out.Title = "memory", row.Observation.SyncID, row.Observation.Title
	case row.Prompt != nil:
		out.Kind, out.ID, out.Title = "prompt", row.Prompt.SyncID, shorten(row.Prompt.Content)
	case row.Session != nil:
		out.Kind, out.ID = "session", row.Session.ID
	}
	return out
}

var kindWords = map[engram.RowKind]string{
	engram.SessionRow: "session", engram.ObservationRow: "memory", engram.PromptRow: "prompt", engram.RelationRow: "relation",
}

var reasonWords = map[memories.Reason]string{
	memories.New:         "not in any chunk yet",
	memories.Older:       "older than the newest entry",
	memories.SameSecond:  "made in the second of the newest entry",
	memories.FutureEntry: "the newest entry lies in the future",
	memories.Edited:      "edited since its chunk",
	memories.Conflict:    "edited here, and later elsewhere: kept as a memory of its own",
	memories.Deleted:     "deleted here",
	memories.Removed:     "deleted here for good",
	memories.Ended:       "ended since its chunk",
}

func (x *Run) printText() error {
	for _, f := range x.Failed {
		command.PrintFailure(x.term, x.ws, f, problem.NextStep(f.Err, x.ws.TokenFrom))
	}
	if x.term.Quiet || x.term.JSON {
		return nil
	}
	verb, drafts := "wrote", x.shown()
	if x.dryRun {
		verb = "would write"
	}
	for _, d := range drafts {
		if !x.dryRun && !x.term.Verbose {
			break
		}
		fmt.Fprintf(x.term.Stdout, "%s %s  %s, %s\n", verb, d.Entry.ID, command.EntryText(d.Entry), terminal.Size(int64(d.Size)))
		err := x.eachShown(d, func(shown shownRow) error {
			title := ""
			if shown.Title != "" {
				title = strconv.QuoteToGraphic(shorten(shown.Title)) + ", "
			}
			_, _ = fmt.Fprintf(x.term.Stdout, "  %s %s: %s%s\n", shown.Kind, terminal.Visible(shown.ID), title, reasonWords[shown.Reason])
			return nil
		})
		if err != nil {
			return err
		}
	}
	fmt.Fprintln(x.term.Stdout, x.summary(verb, drafts))
	return nil
}

// summary is the last line of a run.
func (x *Run) summary(verb string, drafts []memories.Draft) string {
	where := "all projects"
	if x.project.Name != "" {
		where = fmt.Sprintf("project %s (%s)", terminal.Visible(x.project.Name), terminal.Visible(x.project.From))
	}
	total := x.found.Total()
	var text string
	switch {
	case len(x.Failed) > 0:
		text = fmt.Sprintf("%s %s, %d failed; %s", verb, terminal.Count(len(drafts), "chunk"), len(x.Failed), where)
	case total == memories.Tally{}:
		text = "nothing to export: engram.db has nothing of " + where
	case len(drafts) == 0 && (total.StayHome != memories.StayHome{} || total.Unnamed > 0):
		text = "nothing to export: the chunks hold all the rest of " + where
	case len(drafts) == 0:
		text = "nothing to export: the chunks hold everything of " + where
	default:
		text = fmt.Sprintf("%s %s with %s of %s", verb, terminal.Count(len(drafts), "chunk"), surroundings.TallyWords(total), where)
	}
	return text + surroundings.LeftHere(total.StayHome)
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

package redact

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/chunktext"
	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/verification"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// result is how a redaction ended.
type result struct {
	done   []verification.Redacted
	failed []work.Failure
	find   finder
}

// document is what redact prints in JSON mode.
type document struct {
	Schema   int                  `json:"schema"`
	Redacted []redactedChunk      `json:"redacted"`
	Kept     []place              `json:"kept"` // what was found in fields that stay as they are
	Failed   []command.FailedItem `json:"failed"`
	Summary  summary              `json:"summary"`
}

type redactedChunk struct {
	ID     engram.ChunkID `json:"id"` // before
	By     engram.ChunkID `json:"by"` // the id that it has now, or would have
	Places []place        `json:"places"`
}

// place is a text that something goes from. It never holds what goes.
type place struct {
	Chunk engram.ChunkID `json:"-"`
	Kind  string         `json:"kind"` // session, memory, prompt or mutation
	Row   string         `json:"row"`
	Title string         `json:"title"`
	Field string         `json:"field"`
	Count int            `json:"count"`
	// Before and After are the beginning of a line around the first of them, with *** for each.
	Before string `json:"before"`
	After  string `json:"after"`
}

type summary struct {
	Dir    string `json:"dir"`
	DryRun bool   `json:"dry_run"`
	Chunks int    `json:"chunks"`
	Places int    `json:"places"`
	Failed int    `json:"failed"`
}

func (r *redact) print(dir workspace.Directory, res result) error {
	doc := document{Schema: terminal.Schema, Redacted: []redactedChunk{}, Kept: []place{}, Failed: command.FailedItems(res.failed)}
	doc.Summary = summary{Dir: dir.Path(), DryRun: r.dryRun, Failed: len(res.failed)}
	for _, chunk := range res.done {
		c := redactedChunk{ID: chunk.ID, By: chunk.By}
		for _, p := range chunk.Places {
			shown := r.shown(chunk.ID, p, res.find)
			if p.Kept {
				doc.Kept = append(doc.Kept, shown)
				continue
			}
			c.Places = append(c.Places, shown)
			doc.Summary.Places += shown.Count
		}
		if chunk.By != chunk.ID {
			doc.Redacted = append(doc.Redacted, c)
		}
	}
	doc.Summary.Chunks = len(doc.Redacted)
	if r.term.JSON {
		r.term.Document(doc)
	}
	if r.term.Tells() {
		r.printText(doc, res.failed)
	}
	if len(res.failed) == 0 {
		return nil
	}
	return &terminal.ExitStatus{Code: problem.CodeOfAll(len(doc.Redacted), res.failed)}
}

// shown is a place without what goes: neither from this text, nor from the title or the id of its row.
func (r *redact) shown(chunk engram.ChunkID, p verification.Place, find finder) place {
	without := func(field, text string) string {
		return replaced(text, find(chunktext.Text{Row: p.Row, Field: field, Value: text}), r.with)
	}
	shown := place{Chunk: chunk, Kind: p.Row.Kind(), Row: without("id", p.Row.ID), Title: without("title", p.Row.Title), Field: p.Field, Count: len(p.Spans)}
	shown.Before, shown.After = around(p.Value, p.Spans, "***"), around(p.Value, p.Spans, r.with)
	if r.secrets { // what is around one may be a part of another
		shown.Before, shown.After = "***", r.with
	}
	return shown
}

// replaced is a text with another one in the place of each span.
func replaced(text string, spans []chunktext.Span, with string) string {
	var b strings.Builder
	at := 0
	for _, s := range spans {
		b.WriteString(text[at:s.Start] + with)
		at = s.End
	}
	return b.String() + text[at:]
}

// contextBytes are shown on each side of a change.
const contextBytes = 40

// around is the line around the first span, or the part of it that is near, with other text in the place of every span.
func around(text string, spans []chunktext.Span, with string) string {
	first := spans[0]
	from, to := max(0, first.Start-contextBytes), min(len(text), first.End+contextBytes)
	if i := strings.LastIndexByte(text[from:first.Start], '\n'); i >= 0 {
		from += i + 1
	}
	for from < first.Start && !utf8.RuneStart(text[from]) {
		from++
	}
	if i := strings.IndexByte(text[first.End:to], '\n'); i >= 0 {
		to = first.End + i
	}
	for to < len(text) && to > first.End && !utf8.RuneStart(text[to]) {
		to--
	}
	var b strings.Builder
	at := from
	for _, s := range spans {
		if s.Start >= to {
			break
		}
		b.WriteString(text[at:s.Start] + with)
		at, to = s.End, max(to, s.End)
	}
	return b.String() + text[at:to]
}

func (r *redact) printText(doc document, failed []work.Failure) {
	for _, f := range failed {
		command.PrintFailure(r.term, r.ws, f, next(f.Err))
	}
	for _, p := range doc.Kept {
		r.term.Warn(fmt.Sprintf("chunk %s: %s %s, %s: not changed, as others go by it", p.Chunk, p.Kind, terminal.Visible(p.Row), terminal.Visible(p.Field)))
	}
	if r.term.Quiet || r.term.JSON {
		return
	}
	became := "now"
	if r.dryRun {
		became = "would be"
	}
	for _, c := range doc.Redacted {
		fmt.Fprintf(r.term.Stdout, "%s: %s %s\n", c.ID, became, c.By)
		if !r.dryRun && !r.term.Verbose {
			continue
		}
		for _, p := range c.Places {
			title := ""
			if p.Title != "" {
				title = fmt.Sprintf(" %.80q", p.Title)
			}
			more := ""
			if p.Count > 1 {
				more = fmt.Sprintf(" (%d times)", p.Count)
			}
			fmt.Fprintf(r.term.Stdout, "  %s %s%s, %s%s\n", p.Kind, terminal.Visible(p.Row), title, terminal.Visible(p.Field), more)
			fmt.Fprintf(r.term.Stdout, "  - %s\n", terminal.OneLine(p.Before))
			fmt.Fprintf(r.term.Stdout, "  + %s\n", terminal.OneLine(p.After))
		}
	}
	if len(doc.Redacted) == 0 && len(failed) > 0 {
		fmt.Fprintf(r.term.Stdout, "nothing taken out, and %s not read\n", terminal.Count(len(failed), "chunk"))
		return
	}
	if len(doc.Redacted) == 0 {
		fmt.Fprintln(r.term.Stdout, "nothing to take out")
		return
	}
	left := ""
	if len(failed) > 0 {
		left = fmt.Sprintf("; %s not read", terminal.Count(len(failed), "chunk"))
	}
	verb := "redacted "
	if r.dryRun {
		verb = "would redact "
	}
	fmt.Fprintf(r.term.Stdout, "%s%s in %s%s\n", verb, terminal.Count(doc.Summary.Places, "place"), terminal.Count(len(doc.Redacted), "chunk"), left)
	if !r.dryRun {
		r.term.Note("the old text is still in engram.db (change the memory in engram too, on every machine), in git's history and its clones, and on servers that have the old chunks: " +
			"make a secret worthless where it is used; `engram-sync redact --help` says more")
	}
}

// next is what to do after a chunk could not be read.
func next(err error) string {
	if problem.As[*engram.MismatchError](err) {
		return "if somebody edited it, `engram-sync verify --repair --re-identify` gives it the id of its bytes; then redact again"
	}
	if problem.Is(err, engram.ErrDamaged, chunkdir.ErrNotRegular) {
		return "nothing was taken out of it: `engram-sync verify` says how to fix it"
	}
	return problem.NextStep(err, "")
}

package mutations

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/journal/source"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// pushed is what one run of mutations push did; of a dry run, what it would do.
type pushed struct {
	totals       pushTotals // what is known besides the result
	rejects      string
	db, exitCode bool
	open         bool // of a dry run: nobody knows whether the last batch arrived
	journal.PushResult
}

type pushDocument struct {
	Schema  int            `json:"schema"`
	Failed  []failedChange `json:"failed"`
	Paused  []pausedItem   `json:"paused"`
	Summary pushTotals     `json:"summary"`
}

type failedChange struct {
	Line int64 `json:"line,omitempty"`
	Seq  int64 `json:"seq,omitempty"`
	problem.Judged
}

type pausedItem struct {
	Project string `json:"project"`
	Rows    int64  `json:"rows"`
}

type pushTotals struct {
	Remote   string `json:"remote"`
	Account  string `json:"account"`
	Project  string `json:"project"`
	Source   string `json:"source"`
	DryRun   bool   `json:"dry_run"`
	Sent     int64  `json:"sent"`
	Present  int64  `json:"present"`
	Before   int64  `json:"sent_before"` // by earlier runs
	Rejected int64  `json:"rejected"`
	Parked   int64  `json:"parked"`
	Left     int64  `json:"left"`
	LeftOut  int64  `json:"left_out"`
	Foreign  int64  `json:"foreign"` // of a project server, like Personal: rows of the source that are not for it
	Personal int64  `json:"personal"`
	Batches  int    `json:"batches"`
	LastSeq  int64  `json:"last_seq"`
	Rejects  string `json:"rejects_file"`
}

// stays counts what of a source, which was gone through, is not for the project
// of a project server.
func (r *pushed) stays(src source.Source) {
	if p, ok := src.(*source.Project); ok {
		r.totals.Foreign, r.totals.Personal = p.Foreign, p.Personal
	}
}

// printPush prints how a run ended, and gives the error that makes its exit code.
func printPush(term *terminal.Terminal, ws *workspace.Workspace, r pushed) error {
	if term.JSON {
		terminal.PrintJSON(term.Stdout, r.document())
	} else {
		printPushText(term, ws, r)
	}
	switch {
	case r.totals.DryRun && r.exitCode && r.toPush() > 0:
		return &terminal.ExitStatus{Code: problem.Different}
	case r.totals.DryRun:
		return nil
	}
	if failed := r.failures(); len(failed) > 0 {
		return &terminal.ExitStatus{Code: problem.CodeOfAll(int(r.Sent), failed)}
	}
	return nil
}

// failures are the reasons that count for the exit code.
func (r pushed) failures() []work.Failure {
	var failed []work.Failure
	if r.Err != nil {
		failed = append(failed, work.Failure{Err: r.Err})
	}
	for _, f := range r.Failed {
		failed = append(failed, work.Failure{Err: f.Err})
	}
	if r.Deferred > 0 {
		failed = append(failed, work.Failure{Err: &engram.PausedError{}})
	}
	return failed
}

func (r pushed) document() pushDocument {
	doc := pushDocument{Schema: terminal.Schema, Failed: []failedChange{}, Paused: []pausedItem{}, Summary: r.totals}
	add := func(position int64, err error) {
		item := failedChange{Judged: problem.Judge(err)}
		if r.db {
			item.Seq = position
		} else {
			item.Line = position
		}
		doc.Failed = append(doc.Failed, item)
	}
	for _, f := range r.Failed {
		add(f.Position, f.Err)
	}
	if r.Err != nil {
		add(0, r.Err)
	}
	for _, project := range slices.Sorted(maps.Keys(r.Paused)) {
		doc.Paused = append(doc.Paused, pausedItem{project, r.Paused[project]})
	}
	s := &doc.Summary
	s.Sent, s.Present, s.Rejected, s.Parked = r.Sent, r.Present, r.Rejected, r.Deferred
	s.Left, s.LeftOut, s.Batches, s.LastSeq = r.Remaining, r.Skipped, r.Batches, r.LastSeq
	if r.Rejected > 0 {
		s.Rejects = r.rejects
	}
	return doc
}

// named is how many rejected mutations are named one by one.
const named = 10

func printPushText(term *terminal.Terminal, ws *workspace.Workspace, r pushed) {
	for i, f := range r.Failed {
		if i == named {
			term.Errorf("and %s more", humanize.Comma(r.Rejected-named))
			break
		}
		term.Errorf("%s: %s", r.place(f.Position), terminal.OneLine(f.Err.Error()))
	}
	if r.Rejected > 0 && !r.totals.DryRun {
		term.Errorf("%s could not be pushed: see %s", changes(r.Rejected), r.rejects)
	}
	for _, project := range slices.Sorted(maps.Keys(r.Paused)) {
		term.Errorf("project %s is paused on the server: %s held back until a run after that",
			strconv.QuoteToGraphic(project), changes(r.Paused[project]))
	}
	if r.Err != nil {
		term.Fail(problem.Failure(r.Err, ws.TokenFrom))
	}
	if !term.Quiet {
		fmt.Fprintln(term.Stdout, r.summary())
	}
}

func (r pushed) place(position int64) string {
	if r.db {
		return fmt.Sprintf("mutation %d of %s", position, r.totals.Source)
	}
	return fmt.Sprintf("%s:%d", r.totals.Source, position)
}

// summary is the last line of a run.
func (r pushed) summary() string {
	var parts []string
	part := func(n int64, format string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf(format, humanize.Comma(n)))
		}
	}
	switch {
	case r.totals.DryRun:
		parts = append(parts, "would push "+changes(r.toPush()))
		part(r.Present, "%s there already")
		part(r.totals.Before, "%s sent before")
		part(r.Rejected, "%s cannot be pushed")
		part(r.Deferred, "%s of them wait for a paused project")
		if r.open {
			parts = append(parts, "whether the last ones arrived is not known yet")
		}
	case r.idle():
		parts = append(parts, "nothing to do")
		if r.totals.Before > 0 {
			parts[0] += fmt.Sprintf(" (%s sent before; --restart sends all again)", changes(r.totals.Before))
		}
	default:
		parts = append(parts, "pushed "+changes(r.Sent))
	}
	if !r.totals.DryRun {
		part(r.Present, "%s there already")
		part(r.Rejected, "%s rejected")
		part(r.Deferred, "%s held back")
		if !r.idle() {
			parts = append(parts, humanize.Comma(r.Remaining)+" left")
		}
	}
	part(r.Skipped, "%s left out that engram has marked as sent (--all sends them)")
	part(r.totals.Foreign, "%s of other projects not sent")
	part(r.totals.Personal, "%s personal not sent")
	text := strings.Join(parts, ", ") + "; "
	if r.LastSeq > 0 {
		text += "journal at " + strconv.FormatInt(r.LastSeq, 10) + " "
	}
	return text + "on " + r.totals.Remote
}

// toPush is how many rows a dry run would try to send.
func (r pushed) toPush() int64 { return r.Remaining + r.Deferred - r.Rejected }

func (r pushed) idle() bool {
	return r.Sent+r.Present+r.Rejected+r.Deferred+r.Remaining == 0 && r.Err == nil
}

func changes(n int64) string { return terminal.Count(int(n), "mutation") }

package mutations

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/engram-sync/engram-sync/internal/cli/command"
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
	Filled  []filledChange `json:"filled"`
	Summary pushTotals     `json:"summary"`
}

type failedChange struct {
	Line int64 `json:"line,omitempty"`
	Seq  int64 `json:"seq,omitempty"`
	problem.Judged
}

// filledChange is a blank of a mutation that was filled.
type filledChange struct {
	Line  int64  `json:"line,omitempty"`
	Seq   int64  `json:"seq,omitempty"`
	Field string `json:"field"`
	Value string `json:"value"`
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
	Accepted int64  `json:"accepted"`
	Parked   int64  `json:"parked"`
	Waiting  int64  `json:"dependent"` // of the parked ones: for what a rejected one should have brought
	Mended   int64  `json:"mended"`
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
	failed := r.failures()
	switch {
	case len(failed) > 0:
		return &terminal.ExitStatus{Code: problem.CodeOfAll(int(r.arrived()), failed)}
	case r.exitCode && r.toPush() > 0:
		return &terminal.ExitStatus{Code: problem.Different}
	}
	return nil
}

// arrived is how much of the source is there, or would be after a dry run. What earlier
// runs sent counts too, so that a rejected row means the same on every run; unless
// something ended this one.
func (r pushed) arrived() int64 {
	if r.Err != nil {
		return r.Sent
	}
	there := r.Sent + r.Present + r.totals.Before
	if r.totals.DryRun {
		there += r.toPush()
	}
	return there
}

// rejected are the rows that are not accepted, and not there.
func (r pushed) rejected() int64 { return r.Rejected + r.Standing }

// errBefore stands for the reason of a row that an earlier run found.
var errBefore = errors.New("rejected by an earlier run")

// failures are the reasons that count for the exit code.
func (r pushed) failures() []work.Failure {
	var failed []work.Failure
	if r.Err != nil {
		failed = append(failed, work.Failure{Err: r.Err})
	}
	for _, f := range r.Failed {
		failed = append(failed, work.Failure{Err: f.Err})
	}
	if r.Standing > 0 {
		failed = append(failed, work.Failure{Err: &engram.ContentError{Err: errBefore}})
	}
	if r.Deferred > 0 {
		failed = append(failed, work.Failure{Err: &engram.PausedError{}})
	}
	return failed
}

func (r pushed) document() pushDocument {
	doc := pushDocument{Schema: terminal.Schema, Failed: []failedChange{}, Paused: []pausedItem{}, Filled: []filledChange{}, Summary: r.totals}
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
	for _, m := range r.Mended {
		for _, fill := range m.Fills {
			item := filledChange{Line: m.Position, Field: fill.Field, Value: fill.Value}
			if r.db {
				item.Line, item.Seq = 0, m.Position
			}
			doc.Filled = append(doc.Filled, item)
		}
	}
	s := &doc.Summary
	s.Sent, s.Present, s.Rejected, s.Parked = r.Sent, r.Present, r.rejected(), r.Deferred+r.Retried
	s.Accepted, s.Waiting, s.Mended = r.Accepted, r.Dependent, r.MendedRows
	s.Left, s.LeftOut, s.Batches, s.LastSeq = r.Remaining, r.Skipped, r.Batches, r.LastSeq
	if s.Rejected > 0 {
		s.Rejects = r.rejects
	}
	return doc
}

// named is how many rejected mutations are named one by one.
const named = 10

func printPushText(term *terminal.Terminal, ws *workspace.Workspace, r pushed) {
	for i, f := range r.Failed {
		if term.Quiet { // which gets the one line about all of them
			break
		}
		if i == named {
			term.Errorf("and %s more", humanize.Comma(r.Rejected-named))
			break
		}
		term.Errorf("%s: %s", r.place(f.Position), terminal.OneLine(f.Err.Error()))
	}
	r.tellStanding(term)
	r.noteMended(term)
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

// tellStanding says what was rejected, by earlier runs too, and where it is.
func (r pushed) tellStanding(term *terminal.Terminal) {
	n, could, before, waiting, where := r.rejected(), "could not", "", "", ": see "+r.rejects
	if n == 0 {
		return
	}
	if r.totals.DryRun {
		could = "cannot"
		if r.Standing == 0 {
			where = "" // yet
		}
	}
	if r.Standing > 0 {
		before = fmt.Sprintf(", %s of them by earlier runs", humanize.Comma(r.Standing))
	}
	if r.Dependent > 0 {
		need, them := "need", "them"
		if r.Dependent == 1 {
			need = "needs"
		}
		if n == 1 {
			them = "it"
		}
		waiting = fmt.Sprintf(" (%s held back that %s %s)", changes(r.Dependent), need, them)
	}
	term.Errorf("%s %s be pushed%s%s%s", changes(n), could, before, waiting, where)
}

// noteMended says what was filled: in one line, and with -v for each row.
func (r pushed) noteMended(term *terminal.Terminal) {
	if r.MendedRows == 0 {
		return
	}
	for _, m := range r.Mended {
		for _, fill := range m.Fills {
			if term.Verbose {
				term.Note("%s: %s %s", r.place(m.Position), fill.Field, fill)
			}
		}
	}
	term.Note("%s mended: %s (-v lists them; --strict sends only what fits as it is)", changes(r.MendedRows), command.Counts(r.Fills))
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
		part(r.Retried, "%s of them held back so far")
		part(r.Present, "%s there already")
		part(r.totals.Before, "%s sent before")
		part(r.rejected(), "%s cannot be pushed")
		part(r.Deferred, "%s held back")
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
		part(r.rejected(), "%s rejected")
		part(r.Deferred, "%s held back")
		if !r.idle() {
			parts = append(parts, humanize.Comma(r.Remaining)+" left")
		}
	}
	part(r.Accepted, "%s accepted as not sent")
	part(r.Skipped, "%s left out that engram has marked as sent (--all sends them)")
	part(r.totals.Foreign, "%s of other projects not sent")
	part(r.totals.Personal, "%s personal not sent")
	text := strings.Join(parts, ", ") + "; "
	if r.LastSeq > 0 {
		text += "journal at " + strconv.FormatInt(r.LastSeq, 10) + " "
	}
	return text + "on " + r.totals.Remote
}

// toPush is how many rows a dry run would send.
func (r pushed) toPush() int64 { return r.Remaining + r.Retried }

func (r pushed) idle() bool {
	return r.Sent+r.Present+r.Rejected+r.Deferred+r.Remaining == 0 && r.Err == nil
}

func changes(n int64) string { return terminal.Count(int(n), "mutation") }

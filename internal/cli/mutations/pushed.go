package mutations

import (
	"errors"
	"maps"
	"slices"

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
	totals               pushTotals // what is known besides the result
	called               string     // what the remote is called
	rejects              string
	db, exitCode, strict bool
	open                 bool // of a dry run: nobody knows whether the last batch arrived
	journal.PushResult
}

type pushDocument struct {
	Schema int            `json:"schema"`
	Failed []failedChange `json:"failed"`
	Paused []pausedItem   `json:"paused"`
	Filled []filledChange `json:"filled"`
	Added  []addedSession `json:"added"`
	// SetAside counts what engram's journal itself keeps from being sent, by its word.
	SetAside map[string]int `json:"set_aside"`
	Summary  pushTotals     `json:"summary"`
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

// addedSession went ahead of the first mutation that needs it.
type addedSession struct {
	Line    int64  `json:"line,omitempty"`
	Seq     int64  `json:"seq,omitempty"`
	Session string `json:"session"`
	Stub    bool   `json:"stub"` // nobody has it
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
	Orphaned int64  `json:"orphaned"`  // of the dependent ones: for a session that nobody has
	Mended   int64  `json:"mended"`
	Added    int64  `json:"added"` // sessions that went along
	Left     int64  `json:"left"`
	LeftOut  int64  `json:"left_out"`
	Foreign  int64  `json:"foreign"` // of a project server, like Personal: rows of the source that are not for it
	Personal int64  `json:"personal"`
	// Unjournaled are the rows of a database of which its journal has none.
	Unjournaled int64  `json:"unjournaled"`
	Batches     int    `json:"batches"`
	LastSeq     int64  `json:"last_seq"`
	Rejects     string `json:"rejects_file"`
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
		term.Document(r.document())
	}
	if term.Tells() {
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
	doc := pushDocument{Schema: terminal.Schema, Failed: []failedChange{}, Paused: []pausedItem{}, Filled: []filledChange{}, Added: []addedSession{}, SetAside: map[string]int{}, Summary: r.totals}
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
	for _, a := range r.Added {
		item := addedSession{Line: a.Position, Session: a.Session, Stub: a.Stub}
		if r.db {
			item.Line, item.Seq = 0, a.Position
		}
		doc.Added = append(doc.Added, item)
	}
	maps.Copy(doc.SetAside, r.SetAside)
	s := &doc.Summary
	s.Sent, s.Present, s.Rejected, s.Parked = r.Sent, r.Present, r.rejected(), r.Deferred+r.Retried
	s.Accepted, s.Waiting, s.Mended = r.Accepted, r.Dependent, r.MendedRows
	s.Orphaned, s.Added = r.Orphaned, r.AddedRows
	s.Left, s.LeftOut, s.Batches, s.LastSeq = r.Remaining, r.Skipped, r.Batches, r.LastSeq
	if s.Rejected > 0 {
		s.Rejects = r.rejects
	}
	return doc
}

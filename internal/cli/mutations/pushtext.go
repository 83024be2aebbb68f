package mutations

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

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
	r.tellWaiting(term)
	r.noteAdded(term)
	r.noteMended(term)
	for _, project := range slices.Sorted(maps.Keys(r.Paused)) {
		term.Errorf("project %s is paused on the server: %s held back until a run after that",
			strconv.QuoteToGraphic(project), changes(r.Paused[project]))
	}
	if r.Err != nil {
		term.Fail(problem.Failure(r.Err, ws.TokenFrom))
	}
	if !term.Quiet && !term.JSON {
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
	if waits := r.Dependent - r.Orphaned; waits > 0 {
		them := "them"
		if n == 1 {
			them = "it"
		}
		waiting = fmt.Sprintf(" (%s held back that %s %s)", changes(waits), needs(waits), them)
	}
	term.Errorf("%s %s be pushed%s%s%s", changes(n), could, before, waiting, where)
}

// tellWaiting says what is held back, besides what tellStanding says.
func (r pushed) tellWaiting(term *terminal.Terminal) {
	if waits := r.Dependent - r.Orphaned; waits > 0 && r.rejected() == 0 && r.Err == nil {
		term.Errorf("%s held back that %s what was accepted as not sent: --accept-rejected accepts that too", changes(waits), needs(waits))
	}
	why := "the server does not take their session"
	switch {
	case r.Orphaned == 0:
		return
	case r.Unread:
		why = "the journal is too long to see in one run whether it has their session: the next run reads on"
	case r.strict:
		why = "nobody has their session (without --strict a stub of it goes along; --accept-rejected accepts them as not sent)"
	}
	term.Errorf("%s held back: %s", changes(r.Orphaned), why)
}

func needs(n int64) string {
	if n == 1 {
		return "needs"
	}
	return "need"
}

// noteAdded says which sessions went along with what needs them.
func (r pushed) noteAdded(term *terminal.Terminal) {
	if r.AddedRows == 0 {
		return
	}
	went := "went"
	if r.totals.DryRun {
		went = "would go"
	}
	for _, a := range r.Added {
		if term.Verbose {
			term.Note("%s: session %.60q %s along%s", r.place(a.Position), a.Session, went, map[bool]string{true: " as a stub"}[a.Stub])
		}
	}
	stubs := ""
	if r.Stubs > 0 {
		stubs = fmt.Sprintf(", %s of them as a stub, since nobody has more of it", humanize.Comma(r.Stubs))
	}
	term.Note("%s that mutations need %s along%s (-v lists them)", terminal.Count(int(r.AddedRows), "session"), went, stubs)
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
	term.Note("%s with blanks filled in: %s (-v lists them; --strict sends only what fits as it is)", changes(r.MendedRows), command.Counts(r.Fills))
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
		part(r.Remaining, "%s left")
	}
	part(r.Accepted, "%s accepted as not sent")
	part(r.Skipped, "%s left out that engram has marked as sent (--all sends them)")
	if len(r.SetAside) > 0 {
		parts = append(parts, r.setAside())
	}
	part(r.totals.Foreign, "%s of other projects not sent")
	part(r.totals.Personal, "%s personal not sent")
	text := strings.Join(parts, ", ") + "; "
	if r.LastSeq > 0 {
		text += "journal at " + strconv.FormatInt(r.LastSeq, 10) + " "
	}
	return text + "on " + r.called
}

// setAside says what engram's journal itself keeps from being sent.
func (r pushed) setAside() string {
	var words []string
	total := 0
	for _, word := range slices.Sorted(maps.Keys(r.SetAside)) {
		words, total = append(words, fmt.Sprintf("%s %s", humanize.Comma(int64(r.SetAside[word])), terminal.OneLine(word))), total+r.SetAside[word]
	}
	return fmt.Sprintf("%s set aside by engram (%s)", humanize.Comma(int64(total)), strings.Join(words, ", "))
}

// toPush is how many rows a dry run would send.
func (r pushed) toPush() int64 { return r.Remaining + r.Retried }

func (r pushed) idle() bool {
	return r.Sent+r.Present+r.Rejected+r.Deferred+r.Remaining == 0 && r.Err == nil
}

func changes(n int64) string { return terminal.Count(int(n), "mutation") }

// Package failures says what failed of a run about many chunks, in as few lines as can be, and what exit code that makes.
// The commands by which chunks come and go call it.
package failures

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/dustin/go-humanize"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/refused"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// ExitStatus is the error that makes the exit code of a run about so many chunks in all, after what failed was printed; nil for 0.
// differs: what a dry run found is to be a code of its own.
func ExitStatus(term *terminal.Terminal, moved, all int, failed []work.Failure, differs bool) error {
	switch {
	case len(failed) == 0 && differs:
		return &terminal.ExitStatus{Code: problem.Different}
	case len(failed) == 0:
		return nil
	}
	code := problem.CodeOfAll(moved, failed)
	if term.Tells() && (len(failed) == 1 || !slices.ContainsFunc(failed, hasOwnLine)) {
		return &terminal.ExitStatus{Code: code} // the lines before say it all
	}
	if slices.ContainsFunc(failed, command.IsLeft) { // which are no failures of their own
		return &terminal.ExitStatus{Code: code, Message: fmt.Sprintf("%s, of %d", command.FailedWords(failed), all)}
	}
	return &terminal.ExitStatus{Code: code, Message: fmt.Sprintf("%s of %d failed", terminal.Count(Count(failed), command.FailedNoun(failed)), all)}
}

// Count is how many chunks failed, some perhaps in several parts.
func Count(failed []work.Failure) int {
	ids := map[string]bool{}
	for _, f := range failed {
		ids[f.ID] = true
	}
	return len(ids)
}

// Print prints a line for each failed item, and one for all that were not tried: thousands of those would hide why. done is how
// many chunks were moved before.
func Print(term *terminal.Terminal, ws *workspace.Workspace, done int, failed []work.Failure) {
	PrintLeftOut(term, ws, failed)
	printInterrupted(term, done, failed)
	printTogether(term, ws, failed)
	var untried []work.Failure
	for _, f := range failed {
		if !hasOwnLine(f) {
			continue
		}
		if problem.Is(f.Err, syncer.ErrNotTried) {
			untried = append(untried, f)
			continue
		}
		command.PrintFailure(term, ws, f, nextStepFor(ws, f))
	}
	switch len(untried) {
	case 0:
	case 1:
		command.PrintFailure(term, ws, untried[0], "")
	default:
		term.Errorf("%s: %s", terminal.Count(len(untried), "chunk"), terminal.OneLine(untried[0].Err.Error()))
	}
}

// PrintLeftOut prints one line for all the rows that stay here.
func PrintLeftOut(term *terminal.Terminal, ws *workspace.Workspace, failed []work.Failure) {
	var rows []engram.RowNote
	var first work.Failure
	chunks := 0
	for _, f := range failed {
		if leftOut, ok := errors.AsType[*syncer.LeftOutError](f.Err); ok {
			if chunks++; chunks == 1 {
				first = f
			}
			rows = append(rows, leftOut.Rows...)
		}
	}
	switch chunks {
	case 0:
	case 1:
		command.PrintFailure(term, ws, first, nextStepFor(ws, first))
	default:
		term.Errorf("push: %s of %s left out, which the server would refuse: %s; %s", terminal.Count(len(rows), "row"),
			terminal.Count(chunks, "chunk"), terminal.OneLine(refused.Causes(rows)), nextStepFor(ws, first))
	}
}

// together are the failures of which many are told in one line.
var together = []struct {
	is   func(work.Failure) bool
	noun string
	text string // COUNT is how many, FIRST what is wrong with the first
}{
	{isAdoptable, "chunk file", "push: COUNT have no manifest entry, and are not pushed"},
	{isTooLarge, "chunk", "push: COUNT are larger than a proxy before the server takes (FIRST)"},
	{isCut, "chunk", "push: COUNT were under way, and the server may have them: outcome unknown"},
	{isFull, "chunk", "COUNT found no space on the disk (FIRST)"},
}

// printTogether prints one line for each kind of failures that many have in common.
func printTogether(term *terminal.Terminal, ws *workspace.Workspace, failed []work.Failure) {
	for _, kind := range together {
		alike := slices.DeleteFunc(slices.Clone(failed), func(f work.Failure) bool { return !kind.is(f) })
		switch n := Count(alike); n {
		case 0:
		case 1:
			command.PrintFailure(term, ws, alike[0], nextStepFor(ws, alike[0]))
		default:
			text := strings.NewReplacer("COUNT", terminal.Count(n, kind.noun), "FIRST", terminal.OneLine(alike[0].Err.Error())).Replace(kind.text)
			term.Errorf("%s; %s", text, nextStepFor(ws, alike[0]))
		}
	}
}

// printInterrupted prints one line for all that a signal has kept from being done.
func printInterrupted(term *terminal.Terminal, done int, failed []work.Failure) {
	left := slices.DeleteFunc(slices.Clone(failed), func(f work.Failure) bool { return !command.IsLeft(f) })
	if len(left) > 0 {
		cause, _ := errors.AsType[*terminal.Interrupted](left[0].Err)
		term.Errorf("%s: %s done, %s left; the same command goes on from there", cause, terminal.Count(done, "chunk"), humanize.Comma(int64(Count(left))))
	}
}

// isCut says that a signal came while the server had the item, and had not answered.
func isCut(f work.Failure) bool {
	return problem.As[*terminal.Interrupted](f.Err) && problem.Is(f.Err, engram.ErrOutcomeUnknown)
}

func isTooLarge(f work.Failure) bool { return f.Direction == work.Pushed && problem.ProxyLimit(f.Err) }

func isLeftOut(f work.Failure) bool { return problem.As[*syncer.LeftOutError](f.Err) }

// isAdoptable says that a sync would take the file in.
func isAdoptable(f work.Failure) bool {
	orphan, ok := errors.AsType[*syncer.OrphanError](f.Err)
	return ok && orphan.By.IsZero()
}

func isFull(f work.Failure) bool { return problem.Is(f.Err, syscall.ENOSPC) }

// hasOwnLine says that a failure is not told together with others of its kind.
func hasOwnLine(f work.Failure) bool {
	for _, kind := range together {
		if kind.is(f) {
			return false
		}
	}
	return !isLeftOut(f) && !command.IsLeft(f)
}

// nextStepFor is the next step after a failed item.
func nextStepFor(ws *workspace.Workspace, f work.Failure) string {
	if f.Direction == work.Pulled && problem.Is(f.Err, engram.ErrDamaged) {
		return "nothing was written: if it stays so, the server's copy is bad, and only a machine that has the chunk can help"
	}
	if problem.Is(f.Err, surroundings.ErrDeleted) {
		return "" // it has the step
	}
	return problem.NextStep(f.Err, ws.TokenFrom)
}

package chunks

import (
	"errors"
	"fmt"
	"slices"

	"github.com/dustin/go-humanize"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// exitStatus is the error that makes the exit code of a run about so many chunks in
// all. differs: what a dry run found is to be a code of its own.
func exitStatus(term *terminal.Terminal, moved, all int, failed []work.Failure, differs bool) error {
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
	return &terminal.ExitStatus{Code: code, Message: fmt.Sprintf("%s of %d failed", terminal.Count(countFailed(failed), command.FailedNoun(failed)), all)}
}

// countFailed is how many chunks failed, some perhaps in several parts.
func countFailed(failed []work.Failure) int {
	ids := map[string]bool{}
	for _, f := range failed {
		ids[f.ID] = true
	}
	return len(ids)
}

// refusedAlone says that the server refused all that failed: what is there already
// makes that a part of the whole, on every run as on the first.
func refusedAlone(failed []work.Failure) bool { return problem.CodeOfAll(0, failed) == problem.Refused }

// printFailures prints a line for each failed item, and one for all that were
// not tried: thousands of those would hide why.
func printFailures(term *terminal.Terminal, ws *workspace.Workspace, done int, failed []work.Failure) {
	printLeftOut(term, ws, failed)
	printOrphans(term, ws, failed)
	printTooLarge(term, ws, failed)
	printInterrupted(term, done, failed)
	printCut(term, ws, failed)
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

// printLeftOut prints one line for all the rows that stay here.
func printLeftOut(term *terminal.Terminal, ws *workspace.Workspace, failed []work.Failure) {
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
			terminal.Count(chunks, "chunk"), terminal.OneLine(syncer.Causes(rows)), nextStepFor(ws, first))
	}
}

// printOrphans prints one line for all the chunk files that no manifest entry names.
func printOrphans(term *terminal.Terminal, ws *workspace.Workspace, failed []work.Failure) {
	orphans := slices.DeleteFunc(slices.Clone(failed), func(f work.Failure) bool { return !isOrphan(f) })
	switch n := len(orphans); n {
	case 0:
	case 1:
		command.PrintFailure(term, ws, orphans[0], nextStepFor(ws, orphans[0]))
	default:
		term.Errorf("push: %s have no manifest entry, and are not pushed; %s", terminal.Count(n, "chunk file"), nextStepFor(ws, orphans[0]))
	}
}

// printTooLarge prints one line for all the chunks that a proxy finds too large.
func printTooLarge(term *terminal.Terminal, ws *workspace.Workspace, failed []work.Failure) {
	large := slices.DeleteFunc(slices.Clone(failed), func(f work.Failure) bool { return !isTooLarge(f) })
	switch n := len(large); n {
	case 0:
	case 1:
		command.PrintFailure(term, ws, large[0], nextStepFor(ws, large[0]))
	default:
		term.Errorf("push: %s are larger than a proxy before the server takes (%s); %s", terminal.Count(n, "chunk"),
			terminal.OneLine(large[0].Err.Error()), nextStepFor(ws, large[0]))
	}
}

// printInterrupted prints one line for all that a signal has kept from being done.
func printInterrupted(term *terminal.Terminal, done int, failed []work.Failure) {
	left := slices.DeleteFunc(slices.Clone(failed), func(f work.Failure) bool { return !command.IsLeft(f) })
	if len(left) > 0 {
		term.Errorf("interrupted: %s done, %s left; the same command goes on from there", terminal.Count(done, "chunk"), humanize.Comma(int64(countFailed(left))))
	}
}

// printCut prints one line for all the pushes that a signal has kept from hearing how they went.
func printCut(term *terminal.Terminal, ws *workspace.Workspace, failed []work.Failure) {
	cut := slices.DeleteFunc(slices.Clone(failed), func(f work.Failure) bool { return !isCut(f) })
	switch n := countFailed(cut); n {
	case 0:
	case 1:
		command.PrintFailure(term, ws, cut[0], nextStepFor(ws, cut[0]))
	default:
		term.Errorf("push: %s were under way, and the server may have them: outcome unknown; %s", terminal.Count(n, "chunk"), nextStepFor(ws, cut[0]))
	}
}

// isCut says that a signal came while the server had the item, and had not answered.
func isCut(f work.Failure) bool {
	return problem.As[*terminal.Interrupted](f.Err) && problem.Is(f.Err, engram.ErrOutcomeUnknown)
}

func isTooLarge(f work.Failure) bool { return f.Direction == work.Pushed && problem.ProxyLimit(f.Err) }

func isLeftOut(f work.Failure) bool { return problem.As[*syncer.LeftOutError](f.Err) }
func isOrphan(f work.Failure) bool  { return problem.As[*syncer.OrphanError](f.Err) }

// hasOwnLine says that a failure is not told together with others of its kind.
func hasOwnLine(f work.Failure) bool {
	return !isLeftOut(f) && !isOrphan(f) && !isTooLarge(f) && !command.IsLeft(f) && !isCut(f)
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

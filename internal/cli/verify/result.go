package verify

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/config"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/secretscan"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/verification"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// verified is what verify prints, in JSON mode as it is.
type verified struct {
	Schema   int          `json:"schema"`
	Failed   []badItem    `json:"failed"`
	Warnings []warnedItem `json:"warnings"`
	// Secrets are what looks like one, and nobody accepted.
	Secrets []surroundings.Secret `json:"secrets"`
	*repaired
	Summary struct {
		Checked int `json:"checked"`
		// Remembered are those of them that were read by an earlier run.
		Remembered int   `json:"remembered"`
		Bytes      int64 `json:"bytes"`
		Failed     int   `json:"failed"`
		Warnings   int   `json:"warnings"`
		// Readers are the generations whose import was judged.
		Readers []string `json:"readers"`
	} `json:"summary"`

	failures []work.Failure // those of Failed
}

// repaired is what --repair adds to it.
type repaired struct {
	// Repaired is what was mended, or would be.
	Repaired []repairedItem `json:"repaired"`
	Backup   string         `json:"backup"` // where the manifest as it was is kept; "" if it was not changed
	DryRun   bool           `json:"dry_run"`
}

type badItem struct {
	command.FailedItem
	Where string `json:"where"` // "here" or "remote"
	readBy
}

type warnedItem struct {
	ID      string `json:"id"`
	Message string `json:"message"`
	Where   string `json:"where"`
	*warnedRow
	readBy

	stray bool
	kind  error // of a row: what it lacks
}

// warnedRow is the row that a warning is about.
type warnedRow struct {
	List  string `json:"list"`
	Index int    `json:"index"`
	Field string `json:"field"`
}

// repairedItem is one thing that was mended, in JSON mode.
type repairedItem struct {
	ID      string              `json:"id"` // "" for the manifest itself
	Action  verification.Action `json:"action"`
	Message string              `json:"message"`
}

// newVerified sorts the findings into failures and warnings.
func newVerified(r verification.Report) *verified {
	v := &verified{Schema: terminal.Schema, Failed: []badItem{}, Warnings: []warnedItem{}, Secrets: []surroundings.Secret{}}
	for _, f := range r.Findings {
		if f.Harmless {
			v.Warnings = append(v.Warnings, newWarnedItem(f))
			continue
		}
		failure := work.Failure{ID: f.ID, Err: f.Err}
		v.Failed = append(v.Failed, badItem{command.FailedItems([]work.Failure{failure})[0], f.Where, newReadBy(f)})
		v.failures = append(v.failures, failure)
	}
	v.Summary.Checked, v.Summary.Remembered, v.Summary.Bytes = r.Checked, r.Remembered, r.Bytes
	v.Summary.Failed, v.Summary.Warnings = len(v.Failed), len(v.Warnings)
	v.Summary.Readers = command.Texts(r.Readers, engram.Generation.String)
	return v
}

// addSecrets adds what looks like secrets. The chunks that hold them fail if they shall, and are good otherwise.
func (v *verified) addSecrets(look *surroundings.Secrets, found []surroundings.Secret) {
	v.Secrets = append(v.Secrets, found...)
	held := look.Held(nil, found) // what cannot be looked through has failed already
	for _, id := range slices.SortedFunc(maps.Keys(held), engram.ChunkID.Compare) {
		failure := work.Failure{ID: id.String(), Err: held[id]}
		v.Failed = append(v.Failed, badItem{FailedItem: command.FailedItems([]work.Failure{failure})[0], Where: "here"})
		v.failures = append(v.failures, failure)
	}
	v.Summary.Failed = len(v.Failed)
}

func newWarnedItem(f verification.Finding) warnedItem {
	w := warnedItem{ID: f.ID, Message: terminal.OneLine(f.Err.Error()), Where: f.Where, readBy: newReadBy(f), stray: problem.Is(f.Err, verification.ErrStray)}
	if f.Row != nil {
		w.warnedRow, w.kind = &warnedRow{f.Row.List, f.Row.Index, f.Row.Field}, f.Err
		w.Message = fmt.Sprintf("%s[%d].%s %s", w.List, w.Index, w.Field, w.Message)
	}
	return w
}

// sameRows are how many warnings say the same of a row, each to its first one.
func (v *verified) sameRows() map[[2]string]int {
	n := map[[2]string]int{}
	for _, w := range v.Warnings {
		if w.warnedRow != nil {
			n[w.sort()]++
		}
	}
	return n
}

func (w warnedItem) sort() [2]string { return [2]string{w.List + "." + w.Field, w.kind.Error()} }

// show prints the findings, and gives the error that makes the exit code. what
// says how the bad ones ended; next is the next step after each.
func (v *verified) show(term *terminal.Terminal, ws *workspace.Workspace, next func(err error, where string) string, what string, good int) error {
	if term.JSON {
		term.Document(v)
	}
	if term.Tells() {
		v.printText(term, ws, next)
	}
	if len(v.failures) == 0 {
		return nil
	}
	status := &terminal.ExitStatus{Code: problem.CodeOfAll(good, v.failures)}
	if !term.Tells() {
		status.Message = terminal.Count(len(v.failures), command.FailedNoun(v.failures)) + " " + what
	}
	return status
}

// end is the error of a run that showed what it had after err.
func (v *verified) end(term *terminal.Terminal, ws *workspace.Workspace, err, printed error) error {
	if err != nil && printed != nil {
		term.Fail(problem.Failure(err, ws.TokenFrom))
		return printed
	}
	return cmp.Or(err, printed)
}

func (v *verified) printText(term *terminal.Terminal, ws *workspace.Workspace, next func(err error, where string) string) {
	if v.repaired != nil && !term.Quiet && !term.JSON {
		v.repaired.show(term.Stdout)
	}
	surroundings.WarnOfSecrets(term, ws, v.Secrets)
	for i, f := range v.failures {
		command.PrintFailure(term, ws, f, next(f.Err, v.Failed[i].Where))
	}
	var strays []string
	rows, told := v.sameRows(), map[[2]string]bool{}
	for _, w := range v.Warnings {
		if w.warnedRow != nil && !term.Verbose {
			if n := rows[w.sort()]; !told[w.sort()] && n > 1 {
				w.Message += fmt.Sprintf(" (and %s more: -v lists them)", terminal.Count(n-1, "row"))
			} else if told[w.sort()] {
				continue
			}
			told[w.sort()] = true
		}
		if w.stray && !term.Verbose {
			strays = append(strays, command.IDText(w.ID))
			continue
		}
		term.WarnAt(ws.PlaceOf(w.ID), command.IDText(w.ID)+": "+w.Message)
	}
	if n := len(strays); n > 0 {
		const most = 5
		if n > most {
			strays = append(strays[:most], fmt.Sprintf("and %d more", n-most))
		}
		term.Warn(strings.Join(strays, ", ") + ": no chunk, and nothing reads it: move it out of chunks/")
	}
	if !term.Quiet && !term.JSON {
		bad, secrets, foreign := len(v.Failed), 0, ""
		for _, f := range v.failures {
			if problem.Is(f.Err, syncer.ErrForeign) {
				bad--
			}
			if problem.As[*secretscan.FoundError](f.Err) {
				bad, secrets = bad-1, secrets+1
			}
		}
		if n := len(v.Failed) - bad - secrets; n > 0 {
			foreign = ", " + terminal.Count(n, "foreign entry")
		}
		if n := v.Summary.Remembered; n > 0 {
			fmt.Fprintf(term.Stdout, "unchanged since last read: %s (--full reads them again)\n", terminal.Count(n, "chunk"))
		}
		would := ""
		if v.repaired != nil && v.DryRun {
			would = "the repair would leave "
		}
		fmt.Fprintf(term.Stdout, "verified %s (%s): %s%d damaged or missing%s, %s\n",
			terminal.Count(v.Summary.Checked, "chunk"), terminal.Size(v.Summary.Bytes), would, bad, foreign, terminal.Count(len(v.Warnings)+len(v.Secrets), "warning"))
		if n := len(v.Secrets); n > 0 {
			fmt.Fprintf(term.Stdout, "secrets: %s\n", terminal.Count(n, "place"))
		} else {
			fmt.Fprintln(term.Stdout, "secrets: none found")
		}
	}
}

func (r *repaired) show(w io.Writer) {
	for _, item := range r.Repaired {
		would := ""
		if r.DryRun {
			would = "would be "
		}
		fmt.Fprintf(w, "%s: %s%s (%s)\n", cmp.Or(item.ID, "the manifest"), would, item.Action, item.Message)
	}
	if r.Backup != "" {
		fmt.Fprintf(w, "the manifest as it was: %s\n", r.Backup)
	}
}

// afterVerify gives the next step after something bad was found, on one side or
// the other.
func afterVerify(ws *workspace.Workspace) func(err error, where string) string {
	return func(err error, where string) string {
		switch damaged := problem.Is(err, engram.ErrDamaged, chunkdir.ErrNotRegular); {
		case problem.Is(err, surroundings.ErrDeleted):
			return ""
		case problem.Is(err, surroundings.ErrEdited):
			return "`engram-sync verify --repair --re-identify` gives it the id of its bytes"
		case problem.Is(err, chunkdir.ErrPointer):
		case problem.Is(err, surroundings.ErrCommitted):
			return "restore an older state of the file from git, or the file from another machine"
		case damaged && problem.As[*engram.MismatchError](err) && where == "here":
			return "restore the file from git or from another machine, or keep it under the id of its bytes with `engram-sync verify --repair --re-identify`"
		case damaged && where == "here" && ws.Config.RemoteErr == nil:
			return "restore the file from git or from another machine, or from a remote that has it with `engram-sync verify --repair " + ws.RemoteFlag() + "`"
		case damaged && where == "here":
			return "restore the file from git or from another machine"
		case damaged:
			return "the server's copy is bad: only a machine that has the chunk can help"
		case problem.Is(err, engram.ErrNoFile) && problem.Is(ws.Config.RemoteErr, config.ErrNoRemote):
			err = syncer.ErrNowhere // there is no remote to look at
		}
		return problem.NextStep(err, "")
	}
}

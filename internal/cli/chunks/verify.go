package chunks

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const verifyLong = `Read every chunk of the chunk directory and check it: gzip and its checksum,
the hash against the id, the JSON, the numbers in the manifest. Then check the
directory: files that are missing or that no entry names, rows whose session
no chunk holds.

With --remote the chunks of that remote are downloaded and checked too, and
not kept. Without it nothing leaves this machine.

With --repair what is wrong here is mended, as far as nothing is lost by it:
a manifest with git's conflict markers, or with entries that git's union merge
has glued together, becomes the union of both sides; chunk files without an
entry get one; and with --remote, damaged and missing chunks are downloaded
from there (the remote itself is not checked then). A file is only ever
replaced by verified bytes of the same id. An entry whose chunk is nowhere is
removed only if you say so when asked, on a terminal. Before the manifest is
rewritten, a copy goes to the state directory; its path is printed.

Arguments are chunk ids, or the first digits of some: then only those are read.`

func NewVerify(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	var mend bool
	r := &repair{term: term, ws: ws}
	cmd := &cobra.Command{
		Use:   "verify [CHUNK-ID...]",
		Short: "Check every local chunk against its id, and repair what can be",
		Long:  problem.Help(verifyLong, problem.Remote, problem.Partial, problem.Locked),
		Example: "  engram-sync verify\n  engram-sync verify --remote work\n" +
			"  engram-sync verify --repair --dry-run\n  engram-sync verify --repair --remote work",
		RunE: func(cmd *cobra.Command, words []string) error {
			r.remote = cmd.Flags().Changed("remote")
			switch {
			case mend:
				return r.run(cmd.Context(), words)
			case r.dryRun:
				return &terminal.UsageError{Command: cmd.CommandPath(), Err: errors.New("--dry-run is for --repair: without it nothing is changed anyway")}
			}
			return verify(cmd.Context(), term, ws, words, r.remote)
		},
	}
	cmd.Flags().BoolVar(&mend, "repair", false, "mend what can be mended without losing anything")
	cmd.Flags().BoolVarP(&r.dryRun, "dry-run", "n", false, "with --repair: show what would be done, and do nothing")
	return cmd
}

type verifyDocument struct {
	Schema   int          `json:"schema"`
	Failed   []badItem    `json:"failed"`
	Warnings []warnedItem `json:"warnings"`
	*repairDocument
	Summary struct {
		Checked  int   `json:"checked"`
		Bytes    int64 `json:"bytes"`
		Failed   int   `json:"failed"`
		Warnings int   `json:"warnings"`
	} `json:"summary"`
}

// repairDocument is what --repair adds to it.
type repairDocument struct {
	// Repaired is what was mended, or would be.
	Repaired []repairedItem `json:"repaired"`
	Backup   string         `json:"backup"` // where the manifest as it was is kept; "" if it was not changed
	DryRun   bool           `json:"dry_run"`
}

type badItem struct {
	failedItem
	Where string `json:"where"` // "here" or "remote"
}

type warnedItem struct {
	ID      string `json:"id"`
	Message string `json:"message"`
	Where   string `json:"where"`
}

func verify(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, words []string, remote bool) error {
	dir, err := ws.OpenDirectory()
	if err != nil {
		return err
	}
	opts := syncer.Options{Concurrency: ws.Config.Concurrency}
	if opts.Only, err = selectLocal(ctx, dir, words); err != nil {
		return err
	}
	var stop func()
	opts.Report, stop = command.Progress(term)
	report, err := syncer.Verify(ctx, dir, opts)
	stop()
	if err != nil {
		return err
	}
	if !remote {
		return printReport(term, report)
	}
	there, err := verifyRemote(ctx, term, ws, opts)
	report.Checked += there.Checked
	report.Bytes += there.Bytes
	report.Findings = append(report.Findings, there.Findings...)
	if err == nil {
		return printReport(term, report)
	}
	// What was found here is worth knowing also when the remote can't be asked.
	if bad := printReport(term, report); bad != nil {
		term.Fail(problem.Failure(err, ws.TokenFrom))
		return bad
	}
	return err
}

func verifyRemote(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, opts syncer.Options) (report syncer.Report, err error) {
	err = ws.With(ctx, func(conn *workspace.Connection) error {
		var stop func()
		opts.Report, stop = command.Progress(term)
		defer stop()
		report, err = syncer.VerifyRemote(ctx, conn, opts)
		return err
	})
	return report, err
}

// selectLocal finds the chunks that words stand for in the directory.
func selectLocal(ctx context.Context, dir syncer.Local, words []string) ([]engram.ChunkID, error) {
	if len(words) == 0 {
		return nil, nil
	}
	all, _, err := dir.Chunks(ctx)
	if err != nil {
		return nil, err
	}
	m, err := dir.ReadManifest(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range m.Entries() {
		all = append(all, e.ID)
	}
	return syncer.Select(words, all)
}

// printReport prints the findings, and gives the error that makes the exit code.
func printReport(term *terminal.Terminal, r syncer.Report) error {
	doc, failed := newVerifyDocument(r)
	if term.JSON {
		terminal.PrintJSON(term.Stdout, doc)
	} else {
		printReportText(term, doc, failed, afterVerify)
	}
	return reportStatus(term, r.Checked, failed, "failed the verification")
}

// newVerifyDocument sorts the findings into failures and warnings.
func newVerifyDocument(r syncer.Report) (doc verifyDocument, failed []work.Failure) {
	doc.Schema, doc.Failed, doc.Warnings = terminal.Schema, []badItem{}, []warnedItem{}
	for _, f := range r.Findings {
		if f.Harmless {
			doc.Warnings = append(doc.Warnings, warnedItem{ID: f.ID, Message: terminal.OneLine(f.Err.Error()), Where: f.Where})
			continue
		}
		failure := work.Failure{ID: f.ID, Err: f.Err}
		doc.Failed = append(doc.Failed, badItem{failedItems([]work.Failure{failure})[0], f.Where})
		failed = append(failed, failure)
	}
	doc.Summary.Checked, doc.Summary.Bytes = r.Checked, r.Bytes
	doc.Summary.Failed, doc.Summary.Warnings = len(failed), len(doc.Warnings)
	return doc, failed
}

// reportStatus is the error that makes the exit code of a verification.
func reportStatus(term *terminal.Terminal, good int, failed []work.Failure, what string) error {
	if len(failed) == 0 {
		return nil
	}
	status := &terminal.ExitStatus{Code: problem.CodeOfAll(good, failed)}
	if term.JSON {
		status.Message = terminal.Count(len(failed), "chunk") + " " + what
	}
	return status
}

// afterVerify is the next step after something bad was found, on one side or
// the other.
func afterVerify(err error, where string) string {
	switch damaged := problem.Is(err, engram.ErrDamaged, chunkdir.ErrNotRegular); {
	case damaged && where == "here":
		return "restore the file from git or from another machine"
	case damaged:
		return "the server's copy is bad: only a machine that has the chunk can help"
	}
	return problem.NextStep(err, "")
}

func printReportText(term *terminal.Terminal, doc verifyDocument, failed []work.Failure, next func(err error, where string) string) {
	for i, f := range failed {
		printFailure(term, f, next(f.Err, doc.Failed[i].Where))
	}
	for _, w := range doc.Warnings {
		id := w.ID
		if _, err := engram.ParseChunkID(id); err != nil {
			id = strconv.Quote(id)
		}
		term.Warn(id + ": " + w.Message)
	}
	if !term.Quiet {
		fmt.Fprintf(term.Stdout, "verified %s (%s): %d damaged or missing, %s\n",
			terminal.Count(doc.Summary.Checked, "chunk"), terminal.Size(doc.Summary.Bytes), len(failed), terminal.Count(len(doc.Warnings), "warning"))
	}
}

// Package mutations is the commands about the journal of a server: mutations push and mutations pull.
// Only the root of the commands calls it.
package mutations

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/journal/source"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const mutationsPushLong = `Send mutations to the server's journal, in their order, each once.

FILE is JSON Lines: one object a line, with entity, entity_key, op and payload;
what "mutations pull" writes will do. "-" is stdin, and so is no FILE where
stdin is not a terminal and not empty. All lines are checked before anything
is sent.

With --db the mutations come from engram's own journal in its database, FILE or
the one in $ENGRAM_DATA_DIR or ~/.engram, which is only read. Those that engram
has marked as sent are left out, unless --all says otherwise: engram 1.9.4 marks
what it does not send, too.

What was sent is remembered for each remote and account, so that the same
command sends only what was added since, also after it was killed. A file is
known by its content, whatever its name. --reconcile reads the whole journal
instead and sends what is not in it: for machines that forget.

Mutations of a project that is paused on the server are held back, with later
ones about the same things; the next run tries them again. One that the server
refuses for what it says is put into a file of rejects, and the rest goes on,
but for what depends on it: no memory goes without its session. Every run says
what is rejected and where it is, until --accept-rejected. Blanks that a project
server would refuse are filled by a fixed rule, unless --strict is given.`

type push struct {
	term *terminal.Terminal
	ws   *workspace.Workspace
	file string // "" for stdin, or engram's own database
	db   bool

	all, dryRun, exitCode, force, reconcile, restart, personal, strict, accept bool
	rejects                                                                    string
}

func newPush(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	m := &push{term: term, ws: ws}
	cmd := &cobra.Command{
		Use:     "push [FILE|-]",
		Short:   "Send mutations from a file, stdin or engram's database",
		Long:    problem.Help(mutationsPushLong, problem.Remote, problem.Partial, problem.Unknown, problem.Different, problem.Locked),
		Example: "  engram-sync mutations push changes.jsonl\n  engram-sync mutations push --db\n  engram-sync mutations push --db backup/engram.db --dry-run\n  engram-sync mutations push changes.jsonl --dry-run --exit-code",
		Args:    atMostOneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := command.CheckExitCode(cmd, m.exitCode, m.dryRun); err != nil {
				return err
			}
			if len(args) > 0 && (m.db || args[0] != "-") {
				m.file = args[0]
			}
			return m.run(cmd.Context(), len(args) > 0)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&m.db, "db", false, "read engram's journal: FILE is an engram.db (default: engram's own)")
	flags.BoolVar(&m.all, "all", false, "with --db: send also what engram has marked as sent")
	flags.BoolVarP(&m.dryRun, "dry-run", "n", false, "check everything, say what would be sent, and send nothing")
	flags.BoolVar(&m.exitCode, "exit-code", false, "with --dry-run: exit with 10 if there is something to send")
	flags.BoolVar(&m.force, "force", false, "send also what servers or readers are known to choke on")
	flags.StringVar(&m.rejects, "rejects", "", "put refused mutations into `FILE` (default: a file in the state directory)")
	flags.BoolVar(&m.reconcile, "reconcile", false, "read the whole journal, and send what is not in it")
	flags.BoolVar(&m.restart, "restart", false, "forget what was sent of this before, and send all of it again")
	flags.BoolVar(&m.personal, "include-personal", false, "project servers: send mutations of scope personal too")
	flags.BoolVar(&m.strict, "strict", false, "project servers: send only what fits as it is, and fill in nothing")
	flags.BoolVar(&m.accept, "accept-rejected", false, "record what is rejected, and what waits for it, as accepted: later runs only count it")
	return cmd
}

func atMostOneFile(cmd *cobra.Command, args []string) error {
	if len(args) <= 1 {
		return nil
	}
	return &terminal.UsageError{Command: cmd.CommandPath(), Err: fmt.Errorf("%s takes at most one file", cmd.CommandPath())}
}

func (m *push) run(ctx context.Context, named bool) (err error) {
	switch {
	case m.all && !m.db:
		return terminal.Usagef("--all goes with --db")
	case m.reconcile && m.restart:
		return terminal.Usagef("--reconcile sends what is missing, --restart sends everything: choose one")
	case m.accept && m.dryRun:
		return terminal.Usagef("--accept-rejected records something, --dry-run does not: choose one")
	case !m.db && !named && m.term.Interactive():
		return &terminal.UsageError{Command: "engram-sync mutations push", Err: errors.New("nothing to read: name a file, or pipe mutations in")}
	}
	if m.dryRun {
		m.ws.OnlyLook()
	}
	if err := m.ws.PushesToVault(false); err != nil {
		return err
	}
	src, err := m.open(ctx, named)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	if err := m.checkRejects(src); err != nil {
		return err
	}
	return m.ws.With(ctx, func(conn *workspace.Connection) error {
		if !conn.KindKnown() { // a server is not asked for the sake of a bad file
			if err := src.Check(ctx, nil); err != nil {
				return m.badLines(err)
			}
		}
		acc, err := findAccount(ctx, m.ws, conn)
		if err != nil {
			return err
		}
		if err := command.UseProject(ctx, m.term, m.ws, conn); err != nil {
			return err
		}
		if acc.project != "" {
			src = source.ForProject(src, acc.project, source.Options{Personal: m.personal, Strict: m.strict, Force: m.force, Sessions: m.sessionsOf(src), Generation: conn.Generation})
		}
		err = m.push(ctx, conn, acc, src)
		if !acc.known() && !m.dryRun {
			claim(ctx, m.ws, conn)
		}
		return err
	})
}

// push sends what is to be sent, and prints how that went.
func (m *push) push(ctx context.Context, conn *workspace.Connection, acc account, src source.Source) error {
	kept, unlock, err := openJournal(ctx, m.ws, conn, acc)
	if err != nil {
		return err
	}
	defer unlock()
	job, err := m.job(ctx, kept, src)
	if err != nil {
		return err
	}
	if err := m.countRejects(ctx, src, job); err != nil {
		return err
	}
	report := pushed{called: conn.Called, db: m.db, exitCode: m.exitCode, strict: m.strict, totals: pushTotals{
		Remote: conn.Label, Account: acc.id, Project: acc.project, Source: src.Name(), DryRun: m.dryRun, Before: job.Sent,
	}}
	report.rejects = m.rejectsOf(job)
	opts := journal.PushOptions{Reconcile: m.reconcile, Accept: m.accept, Retries: m.ws.Config.Retries, Refused: problem.Common}
	if db := databaseOf(src); db != nil {
		opts.RowsGo = db.Replaces()
	}
	if parents, ok := src.(*source.Project); ok {
		opts.Known, opts.Parents, opts.Form = knownSessions(kept, acc.project), parents, parents.Form
	}
	if m.dryRun {
		return m.plan(ctx, conn, src, job, opts, report)
	}
	if opts.Total, err = toTry(ctx, src, job, m.reconcile); err != nil {
		return err
	}
	report.PushResult = m.send(ctx, conn, src, job, opts, report.rejects)
	return m.print(ctx, src, report)
}

// plan prints what push would do. What is remembered does not count if the
// journal is asked instead.
func (m *push) plan(ctx context.Context, conn *workspace.Connection, src source.Source, job *journal.Job, opts journal.PushOptions, report pushed) (err error) {
	asks := m.reconcile || job.Reconciling
	if asks {
		report.totals.Before = 0
	}
	report.open = job.Intent != nil && !asks
	report.PushResult, err = journal.Plan(ctx, conn, src, job, opts)
	if err != nil {
		return err
	}
	return m.print(ctx, src, report)
}

// print prints how the run went, and what the source does not have.
func (m *push) print(ctx context.Context, src source.Source, report pushed) (err error) {
	report.stays(src)
	if report.Err == nil {
		if report.totals.Unjournaled, err = m.noteUnjournaled(ctx, src, report.totals.Project); err != nil {
			return err
		}
	}
	return printPush(m.term, m.ws, report)
}

// rejectsOf is the file for what is rejected: the one that is named, or else the one
// that has what was rejected before.
func (m *push) rejectsOf(job *journal.Job) string {
	if m.rejects != "" {
		job.Rejects, _ = filepath.Abs(m.rejects) // without a working directory nothing has come this far
		return m.rejects
	}
	if job.Rejects != "" && len(job.Rejected) > 0 {
		return job.Rejects
	}
	job.Rejects = ""
	return job.Store.(state.JobFile).RejectsPath()
}

func (m *push) send(ctx context.Context, conn *workspace.Connection, src source.Source, job *journal.Job, opts journal.PushOptions, path string) journal.PushResult {
	rejects := &rejectSink{file: state.NewRejects(path), db: m.db}
	opts.Notify = func(wait time.Duration, why string) {
		m.term.Note("waiting %s: %s", wait.Round(time.Second), terminal.OneLine(why))
	}
	var stop func()
	opts.Report, stop = command.Progress(m.term, "mutation")
	result := journal.Push(ctx, conn, src, job, rejects, opts)
	stop()
	if err := rejects.file.Close(); err != nil {
		result.Err = errors.Join(result.Err, err)
	}
	return result
}

// toTry counts the rows that a run has to do with, by what is remembered.
func toTry(ctx context.Context, src source.Source, job *journal.Job, all bool) (int, error) {
	total, after := 0, job.Position
	var again journal.Positions // those of earlier runs
	if all || job.Reconciling {
		after = 0
	} else {
		deferred := append(journal.Positions(nil), job.Deferred...)
		deferred.Cut(after)
		total = int(deferred.Len())
		again = append(again, job.Unsent...)
		for _, r := range job.SetAside {
			for at := r[0]; at <= r[1]; at++ {
				again.Add(at)
			}
		}
		again.Cut(after)
	}
	if file, ok := src.(*source.File); ok { // it has passed its check
		gone := append(journal.Positions(nil), job.Accepted...)
		gone.Cut(after)
		return total + file.Count(after) - int(job.Accepted.Len()-gone.Len()), nil
	}
	from := after
	if len(again) > 0 {
		from = again[0][0] - 1
	}
	for row, err := range src.Rows(ctx, from) {
		switch at := row.Position; {
		case err != nil:
			return total, err
		case row.SetAside != "":
		case again.Has(at) && row.Err == nil, at > after && !row.Skip && !job.Accepted.Has(at):
			total++
		}
	}
	return total, nil
}

const mutationsLong = `Move single changes, as the server's journal has them.

A mutation is one change to a session, an observation or a prompt. The server
numbers those of an account in one list, its journal, that only ever grows.
Mutations and chunks are two separate things to it: pushing one never makes
the other.`

func New(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	return command.Parent(&cobra.Command{
		Use:   "mutations",
		Short: "Send changes to the server's journal, and fetch them from it",
		Long:  mutationsLong,
	},
		newPush(term, ws),
		newPull(term, ws),
	)
}

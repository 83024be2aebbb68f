package mutations

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/repofile"
	"github.com/engram-sync/engram-sync/internal/selection"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/state/cursorfile"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/transport"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const mutationsPullLong = `Fetch the mutations of the remote's journal as JSON Lines: one object a line,
with seq, user_id or project, entity, entity_key, op, payload and occurred_at.

Each run goes on where the last one of the same account ended. That place, the
cursor, is saved; --cursor gives it a name, for several readers. Rows that
became visible late, below the cursor, are found and given out too. The cursor
moves after the rows have arrived:

    --output FILE   each row is in the file exactly once, whatever happens
    a pipe          at least once: the reader that stops early, or a crash, can
                    see a page again; rows that are in the pipe count as read
    a terminal      to have a look: the cursor does not move

--since N gives all rows after N, and leaves the cursor where it is. --rescan
reads the whole journal and gives out what never was: rows that were hidden
while a project was paused, or that a restored server has anew.

` + command.ChoosingHelp + `

Who asks for some rows only has a cursor apart: it goes on where the last run that
asked for the same has ended, and who asks for all misses nothing. A row that names
no project tells none: no session is looked up. How long ago 1h is, the clock of the
server says.`

type pull struct {
	term *terminal.Terminal
	ws   *workspace.Workspace

	cursor, output string
	choosing       command.Choosing
	wants          selection.Filter // what it says
	since          int64            // -1: from the cursor
	limit          int              // 0: all
	rescan, follow bool
	interval       time.Duration

	conn    *workspace.Connection
	account account
	types   map[string]bool // of the rows that a round has seen; nil where it does not begin at the beginning of the journal
	from    *engram.Cursor  // where a run that moves no saved cursor is; nil before its first round
	rows    int             // in all rounds
	rounds  int
}

func newPull(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	p := &pull{term: term, ws: ws}
	cmd := &cobra.Command{
		Use:   "pull",
		Short: "Fetch mutations as JSON Lines, from a cursor",
		Long:  problem.Help(mutationsPullLong, problem.Remote, problem.Locked),
		Example: "  engram-sync mutations pull --output journal.jsonl\n" +
			"  engram-sync mutations pull --since 0 --limit 10\n" +
			"  engram-sync mutations pull --include type=decision --exclude project=secret\n" +
			"  engram-sync mutations pull --follow | jq .entity_key",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if p.wants, err = p.choosing.Read(cmd); err != nil {
				return err
			}
			if err := p.check(cmd); err != nil {
				return &terminal.UsageError{Command: cmd.CommandPath(), Err: err}
			}
			return p.run(cmd.Context())
		},
	}
	p.addFlags(cmd.Flags())
	p.choosing.Flags(cmd, "give", "rows")
	return cmd
}

func (p *pull) addFlags(flags *pflag.FlagSet) {
	flags.StringVarP(&p.output, "output", "o", "", "append the rows to `FILE`, each exactly once")
	flags.StringVar(&p.cursor, "cursor", "default", "the `NAME` of the saved cursor")
	flags.Int64Var(&p.since, "since", -1, "give the rows after row `N`, and move no saved cursor")
	flags.IntVar(&p.limit, "limit", 0, "give at most `N` rows")
	flags.BoolVar(&p.rescan, "rescan", false, "read the whole journal, and give what was never given")
	flags.BoolVarP(&p.follow, "follow", "f", false, "at the end of the journal, wait for more")
	flags.DurationVar(&p.interval, "interval", 30*time.Second, "with --follow: look again after `DURATION`")
	flags.Lookup("since").DefValue = "0" // which the help does not show
}

func (p *pull) check(cmd *cobra.Command) error {
	given := cmd.Flags().Changed
	if p.output == "-" {
		p.output = ""
	}
	switch {
	case p.term.Filtered() != "":
		return fmt.Errorf("--%s is for one document, and the rows are JSON Lines: pipe them to a program such as jq", p.term.Filtered())
	case given("since") && p.since < 0:
		return errors.New("--since: a row's number is not negative")
	case given("limit") && p.limit < 1:
		return errors.New("--limit: give at least 1")
	case given("interval") && !p.follow:
		return errors.New("--interval goes with --follow")
	case p.interval < time.Second:
		return errors.New("--interval: give at least 1s")
	case p.wants.Moving() != "" && !given("since") && !p.toTerminal():
		return fmt.Errorf("%s leaves out today what it would give tomorrow, when the saved cursor is past it: give a date, or --since N, which saves none", p.wants.Moving())
	case p.rescan && given("since"):
		return errors.New("--rescan begins at the beginning, so it does not go with --since")
	case p.rescan && given("limit"):
		return errors.New("--rescan is done only when all is read, so it does not go with --limit")
	}
	return nil
}

// brokenPipes is where nobody looks: one for the process, as it is never taken back.
var brokenPipes = make(chan os.Signal, 1)

func (p *pull) run(ctx context.Context) error {
	// Go kills a program whose stdout is closed, unless somebody listens.
	signal.Notify(brokenPipes, syscall.SIGPIPE)
	return p.ws.With(ctx, func(conn *workspace.Connection) (err error) {
		p.conn = conn
		if p.account, err = findAccount(ctx, p.ws, conn); err != nil {
			return err
		}
		if err := command.UseProject(ctx, p.term, p.ws, conn); err != nil {
			return err
		}
		if p.follow {
			err = journal.Follow(ctx, p.interval, p.round, p.retryable)
		} else {
			_, err = p.round(ctx)
		}
		if terminal.IsClosedPipe(err) {
			return nil // the reader has seen enough
		}
		return err
	})
}

// retryable says of an error whether --follow goes on after it.
func (p *pull) retryable(err error) bool {
	if problem.Is(err, transport.ErrUnavailable) || problem.As[*state.BusyError](err) {
		p.term.Warn(terminal.OneLine(err.Error()))
		return true
	}
	return false
}

// round reads the journal to its end, once. The lock is held only meanwhile.
func (p *pull) round(ctx context.Context) (last bool, err error) {
	journal, unlock, err := openJournal(ctx, p.ws, p.conn, p.account)
	if err != nil {
		return false, err
	}
	defer unlock()
	cursor, err := p.open(journal)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, cursor.Close()) }()
	lines, done, err := p.lines(cursor)
	if err != nil {
		return false, err
	}
	p.types = nil
	if at := cursor.Cursor(); at.Last.Seq == 0 && at.LowWatermark == 0 {
		p.types = map[string]bool{}
	}
	result, err := p.pull(ctx, cursor, lines)
	err = errors.Join(err, done())
	p.rows, p.rounds = p.rows+result.Rows, p.rounds+1
	p.rescan = p.rescan && err != nil
	if at := cursor.Cursor(); err == nil && p.rounds == 1 && at.Last.Seq == 0 && at.LowWatermark == 0 {
		err = p.checkGrant(ctx)
	}
	if p.from != nil {
		at := cursor.Cursor()
		p.from = &at
	}
	if !terminal.IsClosedPipe(err) {
		p.tell(result, err)
	}
	return p.limit > 0 && p.rows >= p.limit, explained(err)
}

// checkGrant is for a journal that gives nothing: to a token without a grant for the
// project it looks empty, and only the manifest tells. Source: project-server.md 14,
// engram-2.md 4.2.
func (p *pull) checkGrant(ctx context.Context) error {
	if p.account.project == "" {
		return nil
	}
	if _, err := p.conn.ReadManifest(ctx); problem.Forbidden(err) {
		return err
	}
	return nil
}

// open opens the saved cursor, or one that is not to be saved.
func (p *pull) open(journal *state.AccountState) (*cursorfile.File, error) {
	cursor, err := cursorfile.Open(journal, p.cursor, p.wants.String())
	if err != nil {
		return nil, explained(err)
	}
	if p.from == nil {
		switch {
		case p.since >= 0:
			p.from = &engram.Cursor{LowWatermark: p.since}
		case p.toTerminal():
			at := cursor.Cursor()
			p.from = &at
			if p.term.Verbose {
				p.term.Note("the output goes to a terminal, so the saved cursor does not move")
			}
		}
	}
	if p.from != nil {
		cursor.Detach(*p.from)
	}
	return cursor, nil
}

func (p *pull) pull(ctx context.Context, cursor *cursorfile.File, lines journal.Lines) (journal.PullResult, error) {
	opts := journal.PullOptions{Rescan: p.rescan}
	if project := p.account.project; project != "" {
		key := engram.ProjectKey(project)
		opts.Keep = func(row engram.PullMutationResult) bool { return engram.ProjectKey(row.Project) == key }
	}
	if !p.wants.IsZero() {
		opts.Wants = func(row engram.PullMutationResult, ahead time.Duration) bool {
			subject := selection.Mutation(row.Entry(), row.OccurredAt)
			subject.Ahead = int64(ahead)
			p.saw(subject.Types)
			return p.wants.Wants(subject)
		}
	}
	if p.limit > 0 {
		opts.Limit = p.limit - p.rows
	}
	if !p.toTerminal() {
		var stop func()
		opts.Report, stop = p.term.Counter("pulling", "mutation")
		defer stop()
	}
	return journal.Pull(ctx, p.conn, cursor, lines, opts)
}

func (p *pull) toTerminal() bool { return p.output == "" && p.term.Stdout.IsTerminal() }

// lines is where the rows go. done ends that.
func (p *pull) lines(cursor *cursorfile.File) (lines journal.Lines, done func() error, err error) {
	if p.output == "" {
		return p.term.Stdout.Lines(), func() error { return nil }, nil
	}
	if err := repofile.CheckLinks(p.output); err != nil {
		return nil, nil, err
	}
	file, err := cursor.OpenOutput(p.output)
	if err != nil {
		return nil, nil, explained(err)
	}
	if file.Begun {
		p.term.Note("%s is gone or empty: it begins anew, at the cursor", p.output)
	}
	return file, file.Close, nil
}

// explained says of a command line's mistakes that they are.
func explained(err error) error {
	if problem.As[*cursorfile.OutputError](err) || problem.Is(err, cursorfile.ErrName) {
		return &terminal.UsageError{Err: err}
	}
	return err
}

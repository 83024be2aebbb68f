// Package redact is the command that takes text out of the chunks of a directory. Only the root calls it.
package redact

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/chunktext"
	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/secretscan"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/verification"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const long = `Take text out of the memories in the chunk directory: a secret, a name. What is found is
replaced by [REDACTED], in all chunks or in the rows that --row names. A chunk is known
by the hash of its bytes, so each that changes gets a new id; its entry in the manifest
keeps author, time and place, and every other byte of both stays.

What goes is a text that you are asked for, or that comes on stdin with --text-stdin (so
it gets into no list of processes); what a regular expression matches (--pattern); or
what looks like a secret and was not accepted (--secrets, as push and verify warn of).
--dry-run shows what would change, and never what would go.

Fields by which rows are known, such as ids, projects and times, are told and not changed.

The old bytes are elsewhere still:

    engram.db        change the memory in engram too, on every machine that has it.
                     export here holds a row back, and names it, while a field is,
                     whole, what it was. It does not notice a field that was edited
                     and has the text still, nor another row. Other machines, and
                     mutations push, do not know of it
    git's history    and every clone of it; git filter-repo rewrites it. A secret that
                     was committed or pushed is known: make it worthless first
    servers          keep the chunks that they have; only who runs one can remove them.
                     A pull here does not bring them back; push sends the new ones
    branches         from before: the merge driver (git setup) keeps the old entry
                     out, and verify names one that another merge brought back

A chunk that somebody has edited in place is not read: its id does not fit any more.
"verify --repair --re-identify" gives it the id of its bytes, then this command takes it.
A run that was killed is completed by the next one with the same text. What cannot be
read is named, and the run ends with 7.`

const example = `  engram-sync redact --secrets --dry-run
  engram-sync redact --text-stdin < password-file
  engram-sync redact --pattern 'https://[a-z.]*internal[^ ]*' --with 'https://example.com'
  engram-sync redact --secrets --json`

type redact struct {
	term *terminal.Terminal
	ws   *workspace.Workspace

	textStdin, secrets, dryRun bool
	pattern, with              string
	rows                       []string

	mu   sync.Mutex
	seen map[string]bool // the rows that were named, and are there
}

// New is the command.
// refuseText refuses arguments without repeating them: who gives one means the text that shall not be seen.
func refuseText(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &terminal.UsageError{Command: cmd.CommandPath(), Err: errors.New("redact takes no text as an argument, which lists of processes show: pass --text-stdin, --pattern or --secrets")}
}

func New(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	r := &redact{term: term, ws: ws, seen: map[string]bool{}}
	cmd := &cobra.Command{
		Use:     "redact",
		Short:   "Take text out of chunks, which get new ids",
		Long:    problem.Help(long, problem.Local, problem.Partial, problem.Damaged, problem.Locked, problem.HungUp, problem.Interrupted, problem.Terminated),
		Example: example,
		Args:    refuseText,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n := 0
			for _, name := range []string{"text-stdin", "pattern", "secrets"} {
				if cmd.Flags().Changed(name) {
					n++
				}
			}
			if n > 1 {
				return &terminal.UsageError{Command: cmd.CommandPath(), Err: errors.New("--text-stdin, --pattern and --secrets exclude each other")}
			}
			return r.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&r.textStdin, "text-stdin", false, "read the text that is to go from stdin, one line")
	flags.StringVar(&r.pattern, "pattern", "", "take out what the regular expression `REGEXP` matches")
	flags.BoolVar(&r.secrets, "secrets", false, "take out what looks like a secret, and was not accepted")
	flags.StringSliceVar(&r.rows, "row", nil, "only in the row `SYNC-ID`, or in the session of this id; may be repeated")
	flags.StringVar(&r.with, "with", secretscan.Mask, "put `TEXT` in the place of what goes")
	flags.BoolVarP(&r.dryRun, "dry-run", "n", false, "show what would change, and do nothing")
	return cmd
}

func (r *redact) run(ctx context.Context) error {
	if r.dryRun {
		r.ws.OnlyLook()
	}
	dir, err := r.ws.OpenDirectory()
	if err != nil {
		return err
	}
	if blank, err := dir.Blank(ctx); err != nil || blank {
		return cmp.Or(err, workspace.ErrBlank(dir.Path(), "let `engram-sync pull` fill it"))
	}
	find, err := r.finder(ctx, dir)
	if err != nil {
		return err
	}
	if !r.dryRun {
		unlock, err := r.ws.Lock(ctx, dir, "redact")
		if err != nil {
			return err
		}
		defer unlock()
	}
	opts := verification.Redaction{
		Find: r.inRows(find), With: r.with, DryRun: r.dryRun, Replaced: state.OpenReplaced(r.ws.State(), dir.Path()),
		Concurrency: r.atOnce(),
	}
	var stop func()
	opts.Report, stop = command.Progress(r.term, "chunk")
	done, failed, err := verification.Redact(ctx, dir, opts)
	stop()
	if !r.dryRun && len(done) > 0 {
		memoryindex.Forget(memoryindex.Dir(), memoryindex.OfDirectory(dir.Path()))
	}
	if err != nil {
		return err
	}
	for _, row := range r.rows {
		if !r.seen[row] && len(failed) == 0 {
			return terminal.Usagef("no row of the chunks has the id %s", terminal.Visible(row))
		}
	}
	return r.print(dir, result{done: done, failed: failed, find: find})
}

// atOnce is how many chunks are in memory at once.
func (r *redact) atOnce() int { return min(r.ws.Config.Concurrency, runtime.GOMAXPROCS(0)) }

// text is what the user gives.
func (r *redact) text(ctx context.Context) (string, error) {
	if r.textStdin {
		return r.term.ReadSecret("text")
	}
	text, err := r.term.AskSecret(ctx, "Text to take out", "--text-stdin, --pattern or --secrets")
	if err == nil && text == "" {
		err = terminal.Usagef("nothing was given to take out")
	}
	return text, err
}

// inRows limits what is found to the rows that were named.
func (r *redact) inRows(find finder) finder {
	if len(r.rows) == 0 {
		return find
	}
	return func(t chunktext.Text) []chunktext.Span {
		if t.Row.ID == "" || !slices.Contains(r.rows, t.Row.ID) {
			return nil
		}
		r.mu.Lock()
		r.seen[t.Row.ID] = true
		r.mu.Unlock()
		return find(t)
	}
}

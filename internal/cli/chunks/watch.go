package chunks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/chunks/failures"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/watch"
)

const (
	watchPoll    = 2 * time.Second // a look at two files
	watchSettle  = 4 * time.Second // an agent that saves a memory saves more
	watchBackoff = 30 * time.Second
)

// watching is sync --watch.
type watching struct {
	on    bool
	every time.Duration
	last  string // what the last round could not do, so that it is told once
}

func (t *transfer) addWatch(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&t.watching.on, "watch", false, "stay, and do it again when engram.db has changed, and every --interval")
	cmd.Flags().DurationVar(&t.watching.every, "interval", 5*time.Minute, "with --watch: look at the remote after `DURATION` at the latest")
}

// checkWatch refuses what makes no sense in a run that stays.
func (t *transfer) checkWatch(cmd *cobra.Command) error {
	switch w := t.watching; {
	case !w.on && cmd.Flags().Changed("interval"):
		return &terminal.UsageError{Command: cmd.CommandPath(), Err: errors.New("--interval goes with --watch")}
	case w.on && t.dryRun:
		return &terminal.UsageError{Command: cmd.CommandPath(), Err: errors.New("--watch stays and works, --dry-run only looks: choose one")}
	case w.on && w.every < time.Second:
		return &terminal.UsageError{Command: cmd.CommandPath(), Err: errors.New("--interval: give at least 1s")}
	}
	return nil
}

// watch does one run after the other. It says what changed, a line for each run, and what failed, once for as long as it is the
// same, and when that is over.
func (t *transfer) watch(ctx context.Context) (err error) {
	place, err := t.ws.Place()
	if err != nil {
		return err
	}
	unlock, err := state.Watch(ctx, t.ws.State(), place)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	if t.term.Stdout.IsTerminal() && !t.term.JSON { // else it would be silent until something changes
		t.term.Note("watching; Ctrl-C ends it")
	}
	began := false
	silent := t.term.Quiet
	t.term.Quiet = true // of the rounds, only errors
	first := *t
	loop := watch.Loop{
		Every: t.watching.every, Poll: watchPoll, Settle: watchSettle, Backoff: watchBackoff, Stamp: t.databaseStamp,
		Round: func(ctx context.Context) error {
			round := first
			round.watching.last = t.watching.last
			first.init = false // a vault that is gone later is not made anew
			err := problem.Ended(ctx, round.run(ctx))
			if !began && problem.Code(err) == problem.Usage { // who starts something sees at once that it cannot work
				end(err)
			}
			began = true
			if ctx.Err() != nil {
				return err
			}
			switch {
			case round.changed() && t.term.JSON:
				t.term.Document(round.document())
			case round.changed() && !silent:
				fmt.Fprintf(t.term.Stdout, "%s %s\n", time.Now().Format(time.TimeOnly), round.told())
			}
			if t.watching.last = round.tellOnce(err); t.watching.last == "" && round.watching.last != "" && !silent && !t.term.JSON {
				fmt.Fprintf(t.term.Stderr(), "%s working again\n", time.Now().Format(time.TimeOnly))
			}
			if err == nil {
				noteSuccess(t.ws, place)
			}
			return err
		},
	}
	return terminal.Stayed(loop.Run(ctx))
}

// changed says whether a round did anything.
func (t *transfer) changed() bool {
	return len(t.Moved)+len(t.adopted)+len(t.exported.Chunks()) > 0
}

// told is what a round did.
func (t *transfer) told() string {
	text := t.summary()
	if n := len(t.exported.Chunks()); n > 0 {
		text = "exported " + terminal.Count(n, "chunk") + ", " + text
	}
	return text
}

// tellOnce says what a round could not do, unless the round before could not do just the same, and gives that as a text.
func (t *transfer) tellOnce(err error) (said string) {
	failed := slices.Concat(t.exported.Failed, t.Failed)
	for _, f := range failed {
		said += f.ID + ": " + f.Err.Error() + "\n"
	}
	if err != nil {
		said += err.Error()
	}
	if said == t.watching.last {
		return said
	}
	if t.term.Tells() {
		failures.Print(t.term, t.ws, len(t.moving()), failed)
	}
	if done, printed := errors.AsType[*terminal.ExitStatus](err); err != nil && (!printed || done.Message != "") {
		t.term.Fail(problem.Failure(err, t.ws.TokenFrom))
	}
	return said
}

// databaseStamp is another text when engram.db has been written to.
func (t *transfer) databaseStamp() string {
	var stamp strings.Builder
	for _, name := range []string{surroundings.DatabaseName, surroundings.DatabaseName + "-wal"} {
		if info, err := os.Stat(filepath.Join(t.ws.DataDir(), name)); err == nil {
			fmt.Fprintf(&stamp, "%d %d;", info.ModTime().UnixNano(), info.Size())
		}
	}
	return stamp.String()
}

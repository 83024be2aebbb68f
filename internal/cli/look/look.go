// Package look is the commands by which people see what is in chunks: show, log, search and browse. Only the root calls it.
package look

import (
	"context"
	"errors"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/look/places"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// looker is what the commands have in common.
type looker struct {
	term    *terminal.Terminal
	ws      *workspace.Workspace
	noPager bool
	remote  bool // ask the remote in place of the directory
}

func newLooker(term *terminal.Terminal, ws *workspace.Workspace, cmd *cobra.Command) *looker {
	l := &looker{term: term, ws: ws}
	cmd.Flags().BoolVar(&l.noPager, "no-pager", false, "write to the terminal itself, not to a pager")
	return l
}

// index is one that is up to date with a place.
type index struct {
	*memoryindex.Index
	src    memoryindex.Source
	failed []work.Failure // chunks that could not be read
	unread []memoryindex.Failure
}

// within gives an index that is up to date with the directory here, or with the remote, to use.
func (l *looker) within(ctx context.Context, use func(index) error) error {
	if !l.remote {
		dir, err := l.ws.OpenDirectory()
		if err != nil {
			return err
		}
		return l.indexed(ctx, memoryindex.OfDirectory(dir.Path()), places.NewDirectory(l.ws, dir), runtime.GOMAXPROCS(0), use)
	}
	return l.ws.With(ctx, func(conn *workspace.Connection) error {
		if err := command.UseProject(ctx, l.term, l.ws, conn); err != nil {
			return err
		}
		src, err := places.NewRemote(l.ws, conn)
		if err != nil {
			return err
		}
		name := "remote\x00" + conn.Label
		if conn.PerProject() {
			name += "\x00" + conn.Project.Name
		}
		return l.indexed(ctx, name, src, l.ws.Config.Concurrency, use)
	})
}

// indexed is within for one place. An index that turns out to be spoilt is made anew once, and one that cannot be kept is in memory.
func (l *looker) indexed(ctx context.Context, place string, src memoryindex.Source, atOnce int, use func(index) error) error {
	dir := memoryindex.Dir()
	for again := false; ; again = true {
		x, kept, err := memoryindex.Open(ctx, dir, place)
		if err != nil {
			return err
		}
		if !kept {
			l.term.Warn("the index of memories cannot be kept in " + terminal.Visible(memoryindex.Dir()) + ", so every chunk is read each time")
		}
		failed, err := l.update(ctx, x, src, atOnce)
		if err == nil {
			err = use(index{x, src, failures(failed), failed})
		}
		switch {
		case memoryindex.IsSpoilt(err) && !again:
			x.Discard()
			continue
		case memoryindex.IsUnkept(err) && kept:
			_ = x.Close() // there is nothing that it could lose
			dir = ""
			continue
		}
		return errors.Join(err, x.Close())
	}
}

func (l *looker) update(ctx context.Context, x *memoryindex.Index, src memoryindex.Source, atOnce int) ([]memoryindex.Failure, error) {
	report, stop := command.Progress(l.term, "chunk")
	defer stop()
	told := work.Report(report)
	return x.Update(ctx, src, memoryindex.Options{
		AtOnce: atOnce,
		Plan:   func(chunks int) { told.Tell(work.Event{Kind: work.EventPlan, Items: chunks, Direction: work.Looked}) },
		Opened: func(c *engram.Chunk) { told.Watch(c) },
		Done:   func() { told.Tell(work.Event{Kind: work.EventDone}) },
	})
}

// failures are the chunks that could not be read.
func failures(unread []memoryindex.Failure) []work.Failure {
	failed := make([]work.Failure, len(unread))
	for i, f := range unread {
		failed[i] = work.Failure{ID: f.ID.String(), Err: f.Err}
	}
	return failed
}

// end tells of what failed, behind the result, in which JSON has it. It is as with verify: the rest was shown, and the exit
// code says that it is not all.
func (l *looker) end(failed []work.Failure) error {
	if len(failed) == 0 {
		return nil
	}
	if l.term.Tells() {
		for _, f := range failed {
			command.PrintFailure(l.term, l.ws, f, problem.NextStep(f.Err, l.ws.TokenFrom))
		}
	}
	return &terminal.ExitStatus{Code: problem.CodeOfAll(0, failed)}
}

// page lets the user's pager show the result, until end.
func (l *looker) page(ctx context.Context) (end func()) {
	if l.noPager {
		return func() {}
	}
	return l.term.Page(ctx, terminal.Pager(l.ws.Environ), l.ws.Environ)
}

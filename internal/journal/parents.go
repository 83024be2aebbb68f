package journal

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/mend"
)

// Parents finds the sessions that rows need and that no row before them brings
// (Row.Orphan). Every reader of a journal of 1.x stops for good at a memory without
// its session. Source: project-server.md 10 (T4).
type Parents interface {
	// Sessions gives what brings them. One that only a later row of the source
	// brings, or that nobody has, is not among them.
	Sessions(ctx context.Context, ids []string) (map[string]Parent, error)
}

// Parent is a mutation that brings a session which the source does not.
type Parent struct {
	Entry engram.MutationEntry
	Fills []mend.Fill
	Stub  bool // nobody has it, so it says only what the rows say
}

// Added is a session that went ahead of the row at a position.
type Added struct {
	Position int64
	Session  string
	Stub     bool
}

// withParents gives the rows whose sessions are there, if need be after sending
// these. The others are held back.
func (p *pusher) withParents(ctx context.Context, rows []Row) ([]Row, error) {
	if p.opts.Known == nil {
		return rows, nil
	}
	needed := map[string]int64{} // with the first row that needs it
	for _, row := range rows {
		_, asked := p.there[row.Orphan]
		if _, listed := needed[row.Orphan]; row.Orphan != "" && !asked && !listed {
			needed[row.Orphan] = row.Position
		}
	}
	if len(needed) > 0 {
		if err := p.bring(ctx, needed); err != nil {
			return nil, err
		}
	}
	free := make([]Row, 0, len(rows))
	for _, row := range rows {
		if row.Orphan == "" || p.there[row.Orphan] {
			free = append(free, row)
		} else if err := p.orphan(ctx, row); err != nil {
			return nil, err
		}
	}
	return free, nil
}

// orphan holds a row back whose session is not there.
func (p *pusher) orphan(ctx context.Context, row Row) error {
	if err := p.learnMissing(ctx); err != nil {
		return err
	}
	p.missing[entityHash("session", row.Orphan)] = true
	if p.holdBack(row); p.dependent.Has(row.Position) {
		p.orphaned.Add(row.Position)
	}
	p.ended()
	return nil
}

// bring finds out which sessions the journal has, and sends the others. They need
// no intent: the next run asks the journal for them first.
func (p *pusher) bring(ctx context.Context, needed map[string]int64) error {
	if err := p.readSessions(ctx); err != nil {
		return err
	}
	var absent []string
	for id := range needed {
		if p.there[id] = p.opts.Known.has(id); !p.there[id] {
			absent = append(absent, id)
		}
	}
	if len(absent) == 0 || p.result.Unread {
		return nil
	}
	slices.SortFunc(absent, func(a, b string) int { return int(needed[a] - needed[b]) })
	parents, err := p.opts.Parents.Sessions(ctx, absent)
	if err != nil {
		return err
	}
	absent = slices.DeleteFunc(absent, func(id string) bool { _, ok := parents[id]; return !ok })
	for batch := range slices.Chunk(absent, batchRows) {
		if err := p.sendParents(ctx, batch, parents); err != nil {
			return err
		}
	}
	for _, id := range absent {
		if p.there[id] {
			p.result.add(Added{needed[id], id, parents[id].Stub}, parents[id].Fills)
		}
	}
	return nil
}

// readSessions reads the journal once in a run.
func (p *pusher) readSessions(ctx context.Context) error {
	if p.there != nil {
		return nil
	}
	toEnd, err := p.opts.Known.read(ctx, p.remote)
	if err != nil {
		return err
	}
	p.there, p.result.Unread = map[string]bool{}, !toEnd
	return nil
}

// sendParents sends sessions in one request, or in more where the server wants that. One
// that it does not take is not there afterwards.
func (p *pusher) sendParents(ctx context.Context, ids []string, parents map[string]Parent) error {
	entries := make([]engram.MutationEntry, len(ids))
	for i, id := range ids {
		entries[i] = parents[id].Entry
	}
	result, err := p.remote.PushMutations(ctx, entries, "")
	if errors.Is(err, engram.ErrOutcomeUnknown) {
		err = p.settleParents(ctx, ids, err)
	}
	_, content := errors.AsType[*engram.ContentError](err)
	large, tooLarge := errors.AsType[*engram.BatchTooLargeError](err)
	paused, isPaused := errors.AsType[*engram.PausedError](err)
	switch {
	case err == nil:
		for _, id := range ids {
			p.there[id] = true
		}
		p.job.LastSeq, p.dirty = max(p.job.LastSeq, result.LastSeq), true
		p.result.Batches++
		return nil
	case (content || tooLarge) && len(ids) > 1:
		half := len(ids) / 2
		if err := p.sendParents(ctx, ids[:half], parents); err != nil {
			return err
		}
		return p.sendParents(ctx, ids[half:], parents)
	case content, tooLarge && !large.Stranger:
		return nil
	case isPaused:
		for _, id := range ids {
			p.paused.hold(parents[id].Entry, paused.Project)
		}
		return nil
	}
	return err
}

// settleParents looks for sessions that were sent without a good answer.
func (p *pusher) settleParents(ctx context.Context, ids []string, cause error) error {
	all := func() bool {
		return !slices.ContainsFunc(ids, func(id string) bool { return !p.opts.Known.has(id) })
	}
	var lookErr error
	waiting := func(time.Duration) {
		p.opts.Notify(settleFor, "no answer: looking whether the server stored the sessions")
	}
	_ = cancellable.Poll(ctx, settleFor, waiting, func() bool { // an error is ctx's, and the cause is given then
		_, lookErr = p.opts.Known.read(ctx, p.remote)
		return all() || lookErr != nil && (ctx.Err() != nil || p.opts.Refused(lookErr))
	})
	if all() {
		return nil
	}
	return unsettled(cause, lookErr)
}

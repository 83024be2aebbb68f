package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/rowsum"
)

const (
	// settleFor is how long a server may still be at work on a request whose
	// answer was lost: as long as engram's own client waits for one
	// (account-server.md 5.1).
	settleFor = 30 * time.Second
	// certainAfter is how old an intent has to be for its batch to be certainly
	// absent where the journal does not have it: the intent says when the batch was
	// sent last, give or take a heartbeat, the request may have been on its way as
	// long as the server may then take for it, and clocks are not that exact.
	certainAfter = 2 * settleFor
	// briefly is how long a server may still be at work on what a proxy could not pass
	// on, or lost its connection for.
	briefly = 2 * time.Second
	// lastLook bounds the one look that an interrupted run still takes.
	lastLook = 3 * time.Second

	// lookPage is how many rows are read at once while looking for a batch.
	lookPage = 200
)

// outcome is what became of a batch that was sent.
type outcome int

const (
	arrived    outcome = iota // the journal has it
	refused                   // the server said no, so nothing of it was stored
	absent                    // for good, although the answer left it open: it can be sent again
	idempotent                // it may be under way, but can be sent again: the server stores a key only once
	unknown                   // it could not be found out
)

// settle finds out what became of a batch that was sent without a good answer.
func (p *pusher) settle(ctx context.Context, b batch, cause error) (seq int64, became outcome, err error) {
	if ctx.Err() != nil {
		return p.settleOnce(ctx, b, cause)
	}
	uncertain, ok := errors.AsType[*engram.UncertainError](cause)
	began := time.Now()
	done := func() bool { // nothing is under way any more
		return ok && (uncertain.Done || uncertain.Brief && time.Since(began) >= briefly)
	}
	var seen found
	var lookErr error
	waiting := func(time.Duration) {
		p.opts.Notify(settleFor, "no answer: looking whether the server stored the mutations")
	}
	_ = cancellable.Poll(ctx, settleFor, waiting, func() bool { // an error is ctx's, which is asked below
		seen, lookErr = p.look(ctx, b)
		if lookErr != nil {
			return ctx.Err() != nil || p.opts.Refused(lookErr)
		}
		return seen.seq > 0 || done() || seen.ordered
	})
	switch {
	case ctx.Err() != nil:
		return p.settleOnce(ctx, b, cause)
	case seen.seq > 0:
		return seen.seq, arrived, nil
	case lookErr == nil && done():
		return 0, absent, cause
	case lookErr == nil && seen.ordered:
		return 0, idempotent, cause
	}
	return 0, unknown, unsettled(cause, lookErr)
}

// settleOnce looks once more after the run was interrupted.
func (p *pusher) settleOnce(ctx context.Context, b batch, cause error) (int64, outcome, error) {
	looking, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLook)
	defer cancel()
	seen, err := p.look(looking, b)
	if err == nil && seen.seq > 0 {
		return seen.seq, arrived, nil
	}
	return 0, unknown, fmt.Errorf("%w (%w)", unsettled(cause, err), context.Cause(ctx))
}

// unsettled says what is known.
func unsettled(cause, lookErr error) error {
	if lookErr != nil {
		return fmt.Errorf("%w: looking for the mutations failed (%s)", cause, lookErr.Error())
	}
	return fmt.Errorf("%w, and the journal does not have the mutations", cause)
}

// found is what a look at the journal saw.
type found struct {
	seq     int64 // of the batch's last row; 0 if it is not there
	ordered bool  // the server is one that stores a key only once
}

// sum tells whether a row of the journal says what a row of ours does.
func (p *pusher) sum(e engram.MutationEntry) [32]byte {
	if p.opts.Form != nil {
		e = p.opts.Form(e)
	}
	return rowsum.Of(e)
}

// look reads the journal from where the batch can be, and looks for it: its
// rows in their order, all with one time; rows of others may lie between. A push
// is one transaction, and the time of a row is when its transaction began, so
// rows of another time belong to another push. Source: account-server.md 4.1, 4.3.
func (p *pusher) look(ctx context.Context, b batch) (found, error) {
	var f found
	next := map[string]int{} // by time: how many rows of the batch were seen
	sums := make([][32]byte, len(b.entries))
	for i, e := range b.entries {
		sums[i] = p.sum(e)
	}
	for since := p.job.Intent.AfterSeq; ; {
		page, err := readPage(ctx, p.remote, since, lookPage)
		if err != nil {
			return f, err
		}
		f.ordered = page.CommitOrdered
		for _, row := range page.Mutations {
			since = row.Seq
			i := next[row.OccurredAt]
			if p.sum(row.Entry()) != sums[i] {
				continue
			}
			if i+1 == len(sums) {
				f.seq = row.Seq
				return f, nil
			}
			next[row.OccurredAt] = i + 1
		}
		if !page.HasMore {
			return f, nil
		}
	}
}

// resume settles the batch that an earlier run left open: it is sent again, with
// the same key, once it is certain that the journal does not have it.
func (p *pusher) resume(ctx context.Context) error {
	if p.job.Intent == nil || len(p.job.Intent.Rows) == 0 {
		p.job.Intent = nil
		return nil
	}
	b, err := p.intended(ctx)
	if err != nil {
		return err
	}
	if len(b.rows) == 0 { // all of them are gone, and others say what they said
		p.job.Intent, p.dirty = nil, true
		return nil
	}
	var seen found
	var lookErr error
	waiting := func(rest time.Duration) {
		p.opts.Notify(rest, "an earlier run did not see whether the server stored its last mutations: looking for them")
	}
	err = cancellable.Poll(ctx, p.job.Intent.wait(time.Now()), waiting, func() bool {
		seen, lookErr = p.look(ctx, b)
		return lookErr != nil || seen.seq > 0 || seen.ordered
	})
	switch {
	case lookErr != nil:
		return fmt.Errorf("look for the mutations that an earlier run sent: %w", lookErr)
	case err != nil:
		return err
	case seen.seq > 0:
		p.stored(b, seen.seq)
		return nil
	}
	return p.send(ctx, b.rows)
}

// wait is how long it takes until a batch that the journal does not have is
// certainly absent. It is bounded, whatever clocks say.
func (i *Intent) wait(now time.Time) time.Duration {
	return min(certainAfter, certainAfter-now.Sub(time.Unix(i.SentAt, 0)))
}

// intended reads the rows of the intent.
func (p *pusher) intended(ctx context.Context) (batch, error) {
	var rows []Row
	if err := p.pick(ctx, p.job.Intent.Rows, func(row Row) error {
		rows = append(rows, row)
		return nil
	}); err != nil {
		return batch{}, err
	}
	b := newBatch(rows)
	if p.opts.RowsGo && b.at.Len() < p.job.Intent.Rows.Len() {
		return b, nil // what is left of it: it was stored whole, or not at all
	}
	if b.key(p.job) != p.job.Intent.Key {
		return batch{}, fmt.Errorf("%w: the mutations that were sent last have changed", ErrOtherSource)
	}
	return b, nil
}

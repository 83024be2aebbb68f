package journal

import (
	"context"
	"fmt"
	"time"

	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// reconcilePage is how many rows are read at once from the whole journal.
const reconcilePage = 500

// takeUp settles the batch that an earlier run left open.
func (p *mutationPusher) takeUp(ctx context.Context) error {
	if p.job.Intent == nil || len(p.job.Intent.Rows) == 0 {
		p.job.Intent = nil
		return nil
	}
	b, err := p.intended(ctx)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(p.job.Intent.wait(time.Now()))
	for pause := firstPause; ; pause = min(pause*2, maxPause) {
		found, err := p.look(ctx, b)
		if err != nil {
			return fmt.Errorf("look for the mutations that an earlier run sent: %w", err)
		}
		if found.seq > 0 {
			p.stored(b, found.seq)
			return nil
		}
		rest := time.Until(deadline)
		if rest <= 0 || found.ordered {
			return p.send(ctx, b.rows) // with the same key
		}
		if pause == firstPause {
			p.opts.Notify(rest, "an earlier run did not see whether the server stored its last mutations: looking for them")
		}
		if err := cancellable.Sleep(ctx, min(pause, rest)); err != nil {
			return err
		}
	}
}

// wait is how long it takes until a batch that the journal does not have is
// certainly absent. It is bounded, whatever clocks say.
func (i *Intent) wait(now time.Time) time.Duration {
	return min(certainAfter, certainAfter-now.Sub(time.Unix(i.SentAt, 0)))
}

// intended reads the rows of the intent.
func (p *mutationPusher) intended(ctx context.Context) (batch, error) {
	var rows []Row
	if err := p.pick(ctx, p.job.Intent.Rows, func(row Row) error {
		rows = append(rows, row)
		return nil
	}); err != nil {
		return batch{}, err
	}
	b := newBatch(rows)
	if b.key(p.job) != p.job.Intent.Key {
		return batch{}, fmt.Errorf("%w: the mutations that were sent last have changed", ErrOtherSource)
	}
	return b, nil
}

// reconcile starts anew, with what the journal holds instead of what was
// remembered: that is read as a whole, once nothing is under way any more.
func (p *mutationPusher) reconcile(ctx context.Context) (err error) {
	if p.job.Intent != nil {
		if rest := p.job.Intent.wait(time.Now()); rest > 0 {
			p.opts.Notify(rest, "an earlier run did not see whether the server stored its last mutations: waiting until that is certain")
			if err := cancellable.Sleep(ctx, rest); err != nil {
				return err
			}
		}
	}
	p.job.Restart(p.job.Nonce)
	p.job.Reconciling, p.dirty = true, true
	if p.have, p.job.LastSeq, err = readHeld(ctx, p.remote); err != nil {
		return err
	}
	p.head = true
	return nil
}

// PlanReconcile says what a run with PushOptions.Reconcile would find: Present,
// Left and LeftOut, and in Left those that are Rejected. It sends nothing.
func PlanReconcile(ctx context.Context, remote Remote, source Source) (r PushResult, err error) {
	have, last, err := readHeld(ctx, remote)
	if err != nil {
		return r, err
	}
	r.LastSeq = last
	for row, err := range source.Rows(ctx, 0) {
		if err != nil {
			return r, err
		}
		if have.take(row) && !row.Skip {
			r.Present++
		} else {
			r.Plan(row)
		}
	}
	return r, nil
}

// Plan counts a row that is still to be dealt with: in Left if it is for
// sending, and in Rejected too if it cannot be sent.
func (r *PushResult) Plan(row Row) {
	switch {
	case row.Skip:
		r.Skipped++
	case row.Err != nil:
		r.Rejected++
		r.Remaining++
	default:
		r.Remaining++
	}
}

// heldRows are the rows that a journal holds: how many of each.
type heldRows map[[16]byte]int32

// readHeld reads the whole journal. last is the number of its newest row.
func readHeld(ctx context.Context, remote Remote) (have heldRows, last int64, err error) {
	have = heldRows{}
	for {
		page, err := pageOf(ctx, remote, last, reconcilePage)
		if err != nil {
			return nil, 0, fmt.Errorf("read the journal: %w", err)
		}
		for _, row := range page.Mutations {
			last = row.Seq
			have[shortSum(row.Entry())]++
		}
		if !page.HasMore {
			return have, last, nil
		}
	}
}

// take says whether the journal holds a row; each of its rows counts once.
func (h heldRows) take(row Row) bool {
	if len(h) == 0 {
		return false
	}
	sum := shortSum(row.Entry)
	if h[sum] == 0 {
		return false
	}
	if h[sum]--; h[sum] == 0 {
		delete(h, sum)
	}
	return true
}

func shortSum(e engram.MutationEntry) [16]byte {
	sum := engram.MutationSum(e)
	return [16]byte(sum[:16])
}

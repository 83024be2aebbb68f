package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/engram"
)

const (
	// settleFor is how long a server may still be at work on a request whose
	// answer was lost: as long as engram's own client waits for one
	// (account-server.md 5.1).
	settleFor = 30 * time.Second
	// certainAfter is how old an intent has to be for its batch to be certainly
	// absent where the journal does not have it.
	certainAfter = 2 * settleFor
	// lastLook bounds the one look that an interrupted run still takes.
	lastLook = 3 * time.Second

	firstPause = time.Second
	maxPause   = 8 * time.Second

	// lookPage is how many rows are read at once while looking for a batch.
	lookPage = 200
)

// verdict is what became of a batch whose outcome was open.
type verdict int

const (
	arrived  verdict = iota
	absent           // for good: it can be sent again
	harmless         // it may be under way, but the server stores a key only once
)

// settle finds out what became of a batch that was sent without a good answer.
// An error means that it could not be found out, and the intent has to stay.
func (p *mutationPusher) settle(ctx context.Context, b batch, cause error) (seq int64, v verdict, err error) {
	if ctx.Err() != nil {
		return p.settleOnce(ctx, b, cause)
	}
	var uncertain *engram.UncertainError
	done := errors.As(cause, &uncertain) && uncertain.Done
	deadline := time.Now().Add(settleFor)
	for pause := firstPause; ; pause = min(pause*2, maxPause) {
		found, err := p.look(ctx, b)
		rest := time.Until(deadline)
		switch {
		case ctx.Err() != nil:
			return p.settleOnce(ctx, b, cause)
		case found.seq > 0:
			return found.seq, arrived, nil
		case err == nil && done:
			return 0, absent, nil
		case err == nil && found.ordered:
			return 0, harmless, nil
		case rest <= 0, err != nil && p.opts.Refused(err):
			return 0, 0, unsettled(cause, err)
		}
		if pause == firstPause {
			p.opts.Notify(settleFor, "no answer: looking whether the server stored the mutations")
		}
		if cancellable.Sleep(ctx, min(pause, rest)) != nil {
			return p.settleOnce(ctx, b, cause)
		}
	}
}

// settleOnce looks once more after the run was interrupted.
func (p *mutationPusher) settleOnce(ctx context.Context, b batch, cause error) (int64, verdict, error) {
	looking, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLook)
	defer cancel()
	if found, err := p.look(looking, b); err == nil && found.seq > 0 {
		return found.seq, arrived, nil
	}
	return 0, 0, fmt.Errorf("%w (%w)", unsettled(cause, nil), context.Cause(ctx))
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

// look reads the journal from where the batch can be, and looks for it: its
// rows in their order, all with one time, as one transaction writes them; rows
// of others may lie between. Source: account-server.md 4.1, 4.3.
func (p *mutationPusher) look(ctx context.Context, b batch) (found, error) {
	var f found
	next := map[string]int{} // by time: how many rows of the batch were seen
	for since := p.job.Intent.AfterSeq; ; {
		page, err := p.page(ctx, since, lookPage)
		if err != nil {
			return f, err
		}
		f.ordered = page.CommitOrdered
		for _, row := range page.Mutations {
			since = row.Seq
			i := next[row.OccurredAt]
			if engram.MutationSum(row.Entry()) != b.sums[i] {
				continue
			}
			if i+1 == len(b.sums) {
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

func (p *mutationPusher) page(ctx context.Context, since int64, limit int) (engram.PullMutationsResponse, error) {
	return pageOf(ctx, p.remote, since, limit)
}

// pageOf reads a page of the journal, which must lead on.
func pageOf(ctx context.Context, remote Remote, since int64, limit int) (engram.PullMutationsResponse, error) {
	page, err := remote.PullMutations(ctx, since, limit)
	if err != nil {
		return page, err
	}
	last := since
	for _, row := range page.Mutations {
		if row.Seq <= last {
			return page, fmt.Errorf("%w: row %d comes after %d", ErrBadPage, row.Seq, last)
		}
		last = row.Seq
	}
	if page.HasMore && last == since {
		return page, fmt.Errorf("%w: it has more rows after %d, and gives none", ErrBadPage, since)
	}
	return page, nil
}

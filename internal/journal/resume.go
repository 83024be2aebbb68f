package journal

import (
	"context"
	"fmt"
	"time"
)

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
	var seen found
	var lookErr error
	waiting := func(rest time.Duration) {
		p.opts.Notify(rest, "an earlier run did not see whether the server stored its last mutations: looking for them")
	}
	err = poll(ctx, p.job.Intent.wait(time.Now()), waiting, func() bool {
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
	if b.key(p.job) != p.job.Intent.Key {
		return batch{}, fmt.Errorf("%w: the mutations that were sent last have changed", ErrOtherSource)
	}
	return b, nil
}

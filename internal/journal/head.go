package journal

import (
	"context"
	"math"
)

// findHead makes sure that job.LastSeq is the number of a row of the journal,
// the newest that is visible: whatever is pushed from now on has a higher one.
// That is so by itself after a push in the same run; before, the journal is
// asked, because the server may have been restored from a backup meanwhile.
func (p *mutationPusher) findHead(ctx context.Context) error {
	if p.head {
		return nil
	}
	known := p.job.LastSeq
	page, err := p.page(ctx, max(0, known-1), 1)
	if err != nil {
		return err
	}
	head := page.Head
	if !page.CommitOrdered {
		if len(page.Mutations) == 0 || page.Mutations[0].Seq != known {
			known = 0 // the row is gone, or hidden
		}
		if head, err = p.newest(ctx, known); err != nil {
			return err
		}
	}
	p.job.LastSeq, p.head = head, true
	return nil
}

// newest finds the number of the journal's newest row, which is not below low,
// in about twice as many requests as the difference has binary digits.
func (p *mutationPusher) newest(ctx context.Context, low int64) (int64, error) {
	high := int64(math.MaxInt64)
	for step := int64(0); low < high; {
		probe := low + (high-low)/2
		if high == math.MaxInt64 {
			probe = low + min(step, high-low)
		}
		page, err := p.page(ctx, probe, 1)
		switch {
		case err != nil:
			return 0, err
		case len(page.Mutations) > 0:
			low, step = page.Mutations[0].Seq, max(1, step*2)
		default:
			high = probe
		}
	}
	return low, nil
}

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

// reconcile starts anew, with what the journal holds instead of what was
// remembered: that is read as a whole, once nothing is under way any more.
func (p *pusher) reconcile(ctx context.Context) (err error) {
	if p.job.Intent != nil {
		if rest := p.job.Intent.wait(time.Now()); rest > 0 {
			p.opts.Notify(rest, "an earlier run did not see whether the server stored its last mutations: waiting until that is certain")
			if err := cancellable.Sleep(ctx, rest); err != nil {
				return err
			}
		}
	}
	accepted := p.job.Accepted
	p.job.Restart(p.job.Nonce)
	p.job.Accepted = accepted
	p.job.Reconciling, p.dirty = true, true
	p.missing = missing{}
	if err := p.readJournal(ctx); err != nil {
		return err
	}
	p.headConfirmed = true
	return nil
}

// mended counts a row of which blanks were filled.
func (r *PushResult) mended(row Row) {
	if len(row.Fills) == 0 {
		return
	}
	if r.Fills == nil {
		r.Fills = map[string]int{}
	}
	for _, f := range row.Fills {
		r.Fills[f.Field]++
	}
	if r.MendedRows++; len(r.Mended) < maxFailures {
		r.Mended = append(r.Mended, Mended{Position: row.Position, Fills: row.Fills})
	}
}

// journalCounts are the rows that a journal holds: how many of each.
type journalCounts map[[16]byte]int32

// readJournal reads the whole journal.
func (p *pusher) readJournal(ctx context.Context) error {
	have, last := journalCounts{}, int64(0)
	for {
		page, err := readPage(ctx, p.remote, last, reconcilePage)
		if err != nil {
			return fmt.Errorf("read the journal: %w", err)
		}
		for _, row := range page.Mutations {
			last = row.Seq
			have[p.shortSum(row.Entry())]++
			p.missing.has(row.Entry())
		}
		if !page.HasMore {
			p.have, p.job.LastSeq = have, last
			return nil
		}
	}
}

// take says whether the journal holds a row; each of its rows counts once.
func (p *pusher) take(row Row) bool {
	c := p.have
	if len(c) == 0 {
		return false
	}
	sum := p.shortSum(row.Entry)
	if c[sum] == 0 {
		return false
	}
	if c[sum]--; c[sum] == 0 {
		delete(c, sum)
	}
	return true
}

func (p *pusher) shortSum(e engram.MutationEntry) [16]byte {
	sum := p.sum(e)
	return [16]byte(sum[:16])
}

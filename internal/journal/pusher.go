package journal

import (
	"context"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/work"
)

// pusher is one run.
type pusher struct {
	remote  Remote
	source  Source
	job     *Job
	rejects Rejects
	opts    PushOptions
	result  PushResult

	rows     []Row // the batch in the making
	size     int
	maxBytes int  // of a batch
	tail     *Row // the last row that was skipped while rows wait in the batch

	headConfirmed bool // job.LastSeq is a row that was seen in this run
	dirty         bool // job has something that is not saved
	paused        pausedRows
	have          journalCounts // what the journal holds; nil unless reconciling
}

func (p *pusher) run(ctx context.Context) error {
	if p.opts.Reconcile || p.job.Reconciling {
		if err := p.reconcile(ctx); err != nil {
			return err
		}
	}
	if err := p.resume(ctx); err != nil {
		return err
	}
	p.job.Deferred.Cut(p.job.Position)
	if err := p.retryDeferred(ctx); err != nil {
		return err
	}
	for row, err := range p.source.Rows(ctx, p.job.Position) {
		if err == nil {
			err = p.add(ctx, row)
		}
		if err != nil {
			return err
		}
	}
	if err := p.flush(ctx); err != nil {
		return err
	}
	p.job.Reconciling, p.dirty = false, p.dirty || p.job.Reconciling
	return nil
}

// retryDeferred tries the rows again that earlier runs had to hold back, before
// anything that comes after them.
func (p *pusher) retryDeferred(ctx context.Context) error {
	deferred := append(Positions(nil), p.job.Deferred...)
	if err := p.pick(ctx, deferred, func(row Row) error {
		row.Skip = false // it was for sending when it was held back
		return p.add(ctx, row)
	}); err != nil {
		return err
	}
	return p.flush(ctx)
}

// pick reads the rows at these positions.
func (p *pusher) pick(ctx context.Context, at Positions, use func(Row) error) error {
	left := at.Len()
	if left == 0 {
		return nil
	}
	for row, err := range p.source.Rows(ctx, at[0][0]-1) {
		if err != nil {
			return err
		}
		if !at.Has(row.Position) {
			continue
		}
		if err := use(row); err != nil {
			return err
		}
		if left--; left == 0 {
			return nil
		}
	}
	return fmt.Errorf("%w: rows that are still to be sent are gone", ErrOtherSource)
}

// add takes the next row of the source. The batch is sent when it is full.
func (p *pusher) add(ctx context.Context, row Row) error {
	switch {
	case row.Skip:
		p.have.take(row) // it stands for one of the journal's rows, and no later one does
		p.result.Skipped++
		p.job.Skipped++
	case p.have.take(row):
		p.result.Present++
		p.ended()
	case row.Err != nil:
		return p.reject(row, row.Err)
	case p.holdBack(row):
		p.ended()
	default:
		if len(p.rows) == batchRows || len(p.rows) > 0 && p.size+row.size() > p.maxBytes {
			if err := p.flush(ctx); err != nil {
				return err
			}
			return p.add(ctx, row) // it may have to be held back now
		}
		p.rows, p.size = append(p.rows, row), p.size+row.size()
		return nil
	}
	p.skip(row)
	return nil
}

// skip is for a row that needs no sending. The position can move past it only
// together with the rows before it.
func (p *pusher) skip(row Row) {
	if len(p.rows) > 0 && row.Position > p.job.Position {
		p.tail = &row
		return
	}
	p.advance(row)
}

// advance is for a row that is dealt with for good, or held back.
func (p *pusher) advance(row Row) {
	p.dirty = true
	if row.Position > p.job.Position {
		p.job.Position, p.job.Hash = row.Position, row.Hash
	}
}

// flush sends the batch in the making.
func (p *pusher) flush(ctx context.Context) error {
	if err := p.send(ctx, p.rows); err != nil {
		return err
	}
	if n := len(p.rows); n > 0 {
		p.advance(p.rows[n-1]) // it may have been held back
	}
	if p.tail != nil {
		p.advance(*p.tail)
	}
	p.rows, p.size, p.tail = p.rows[:0], 0, nil
	return nil
}

// reject gives up on one row. It is put down before the position moves past it.
func (p *pusher) reject(row Row, reason error) error {
	if err := p.rejects.Add(row, reason); err != nil {
		return err
	}
	p.result.Rejected++
	if len(p.result.Failed) < maxFailures {
		p.result.Failed = append(p.result.Failed, Failure{Position: row.Position, Err: reason})
	}
	p.ended()
	p.job.Deferred.Remove(row.Position)
	if row.Err != nil {
		p.skip(row)
	} else {
		p.advance(row)
	}
	return nil
}

func (p *pusher) ended() { p.opts.Report.Tell(work.Event{Kind: work.EventDone}) }

func (p *pusher) save() error {
	p.dirty = false
	return p.job.Store.Write(p.job)
}

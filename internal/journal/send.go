package journal

import (
	"context"
	"errors"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/work"
)

// send sends rows in one request, or in more if the server wants it so. Rows
// that it does not take for good are rejected, and those of paused projects held
// back; an error ends the run.
func (p *pusher) send(ctx context.Context, rows []Row) error {
	for todo := [][]Row{rows}; len(todo) > 0; {
		rows := p.sendable(todo[len(todo)-1])
		todo = todo[:len(todo)-1]
		if len(rows) == 0 {
			continue
		}
		b := newBatch(rows)
		lastSeq, err := p.post(ctx, b)
		switch next := p.afterPost(err, rows); {
		case next == goOn:
			p.stored(b, lastSeq)
		case next == stop:
			return err
		case next == sendAgain:
			todo = append(todo, rows)
		case len(rows) > 1:
			half := middle(rows, next == halveBySize)
			todo = append(todo, rows[half:], rows[:half])
		default:
			if err := p.reject(rows[0], err); err != nil {
				return err
			}
		}
	}
	return nil
}

// step is what comes after a batch was posted.
type step int

const (
	goOn      step = iota // the journal has it
	sendAgain             // without the rows that are held back now
	halve                 // to find the rows that the server does not take
	halveBySize
	stop
)

// afterPost judges the error of a batch, and remembers what it says about others.
func (p *pusher) afterPost(err error, rows []Row) step {
	if err == nil {
		return goOn
	}
	if paused, ok := errors.AsType[*engram.PausedError](err); ok {
		if p.paused.pause(paused.Project, rows) {
			return sendAgain
		}
		return halve
	}
	if large, ok := errors.AsType[*engram.BatchTooLargeError](err); ok {
		most := int(large.Limit) - rowBytes
		if large.Limit <= 0 {
			most = sizeOf(rows) / 2 // all that is known is that the rows are above it
		}
		p.maxBytes = min(p.maxBytes, max(1, most))
		return halveBySize
	}
	if _, ok := errors.AsType[*engram.ContentError](err); ok {
		return halve
	}
	return stop
}

// stored is for a batch that the journal holds.
func (p *pusher) stored(b batch, lastSeq int64) {
	p.job.Intent, p.dirty = nil, true
	p.job.LastSeq = max(p.job.LastSeq, lastSeq)
	p.job.Sent += int64(len(b.rows))
	p.result.Sent += int64(len(b.rows))
	p.result.Batches++
	for _, row := range b.rows {
		p.job.Deferred.Remove(row.Position)
		p.advance(row)
		p.ended()
	}
	p.opts.Report.Tell(work.Event{Kind: work.EventBytes, Bytes: int64(sizeOf(b.rows))})
}

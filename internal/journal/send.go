package journal

import (
	"context"
	"errors"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/work"
)

// The size of a batch: as many rows as engram's own client sends, and well below every
// server's limit, so that it is stored quickly (account-server.md 4.1, 8).
const (
	batchRows  = 100
	batchBytes = 1 << 20
	// rowBytes is what a row takes in a request besides its texts.
	rowBytes = 100
)

// mutationPusher is one run.
type mutationPusher struct {
	remote  Remote
	source  Source
	job     *Job
	jobs    JobStore
	rejects Rejects
	opts    PushOptions
	result  PushResult

	rows     []Row // the batch in the making
	size     int
	maxBytes int  // of a batch
	tail     *Row // the last row that was passed while rows wait in the batch
	head     bool // job.LastSeq was confirmed in this run
	dirty    bool // job has something that is not saved
	held     held
	have     heldRows // what the journal holds; nil unless reconciling
}

func newMutationPusher(remote Remote, source Source, job *Job, jobs JobStore, rejects Rejects, opts PushOptions) *mutationPusher {
	if opts.Notify == nil {
		opts.Notify = func(time.Duration, string) {}
	}
	if opts.Refused == nil {
		opts.Refused = func(error) bool { return false }
	}
	p := &mutationPusher{remote: remote, source: source, job: job, jobs: jobs, rejects: rejects, opts: opts, maxBytes: batchBytes}
	p.result.Paused, p.held = map[string]int64{}, newHeld()
	return p
}

func (p *mutationPusher) save() error {
	p.dirty = false
	return p.jobs.Save(p.job)
}

// add takes the next row of the source. The batch is sent when it is full.
func (p *mutationPusher) add(ctx context.Context, row Row) error {
	switch {
	case row.Skip:
		p.have.take(row) // it stands for one of the journal's rows, and no later one does
		p.result.Skipped++
		p.job.Skipped++
	case p.have.take(row):
		p.result.Present++
		p.opts.Report.Tell(work.Event{Kind: work.EventDone})
	case row.Err != nil:
		return p.reject(row, row.Err)
	case p.park(row):
		p.opts.Report.Tell(work.Event{Kind: work.EventDone})
	default:
		size := sizeOf(row)
		if len(p.rows) == batchRows || len(p.rows) > 0 && p.size+size > p.maxBytes {
			if err := p.flush(ctx); err != nil {
				return err
			}
			return p.add(ctx, row) // it may have to be parked now
		}
		p.rows, p.size = append(p.rows, row), p.size+size
		return nil
	}
	p.pass(row)
	return nil
}

func sizeOf(row Row) int {
	e := row.Entry
	return rowBytes + len(e.Entity) + len(e.EntityKey) + len(e.Op) + len(e.Payload) + len(e.Project)
}

// pass is for a row that needs no sending. The position can move past it only
// together with the rows before it.
func (p *mutationPusher) pass(row Row) {
	if len(p.rows) > 0 && row.Position > p.job.Position {
		p.tail = &row
		return
	}
	p.done(row)
}

// done is for a row that is dealt with for good, or parked.
func (p *mutationPusher) done(row Row) {
	p.dirty = true
	if row.Position > p.job.Position {
		p.job.Position, p.job.Mark = row.Position, row.Mark
	}
}

// flush sends the batch in the making.
func (p *mutationPusher) flush(ctx context.Context) error {
	if err := p.send(ctx, p.rows); err != nil {
		return err
	}
	if n := len(p.rows); n > 0 {
		p.done(p.rows[n-1]) // it may have been parked
	}
	if p.tail != nil {
		p.done(*p.tail)
	}
	p.rows, p.size, p.tail = p.rows[:0], 0, nil
	return nil
}

// send sends rows in one request, or in more if the server wants it so. Rows
// that it does not take for good are rejected, and those of paused projects
// parked; an error ends the run.
func (p *mutationPusher) send(ctx context.Context, rows []Row) error {
	rows = p.sendable(rows)
	if len(rows) == 0 {
		return nil
	}
	b := newBatch(rows)
	seq, err := p.post(ctx, b)
	var content *engram.ContentError
	var large *engram.BatchTooLargeError
	var paused *engram.PausedError
	switch {
	case err == nil:
		p.stored(b, seq)
		return nil
	case errors.As(err, &paused):
		if p.held.pause(paused.Project, rows) {
			return p.send(ctx, rows)
		}
	case errors.As(err, &large):
		p.learn(large.Limit, rows)
	case !errors.As(err, &content):
		return err
	}
	if len(rows) == 1 {
		return p.reject(rows[0], err)
	}
	half := middle(rows, large != nil)
	if err := p.send(ctx, rows[:half]); err != nil {
		return err
	}
	return p.send(ctx, rows[half:])
}

// middle is where to halve rows: by their number, or by their size.
func middle(rows []Row, bySize bool) int {
	if !bySize {
		return len(rows) / 2
	}
	total, left := 0, 0
	for _, row := range rows {
		total += sizeOf(row)
	}
	for i, row := range rows[:len(rows)-1] {
		if left += sizeOf(row); left*2 >= total {
			return i + 1
		}
	}
	return len(rows) - 1
}

// learn remembers the server's limit, or that the rows are above it.
func (p *mutationPusher) learn(limit int64, rows []Row) {
	if limit > 0 {
		p.maxBytes = min(p.maxBytes, max(1, int(limit)-rowBytes))
		return
	}
	total := 0
	for _, row := range rows {
		total += sizeOf(row)
	}
	p.maxBytes = min(p.maxBytes, max(1, total/2))
}

// stored is for a batch that the journal holds.
func (p *mutationPusher) stored(b batch, lastSeq int64) {
	p.job.Intent, p.dirty = nil, true
	p.job.LastSeq = max(p.job.LastSeq, lastSeq)
	p.job.Sent += int64(len(b.rows))
	p.result.Sent += int64(len(b.rows))
	p.result.Batches++
	bytes := 0
	for _, row := range b.rows {
		p.job.Deferred.Remove(row.Position)
		p.done(row)
		bytes += sizeOf(row)
		p.opts.Report.Tell(work.Event{Kind: work.EventDone})
	}
	p.opts.Report.Tell(work.Event{Kind: work.EventBytes, Bytes: int64(bytes)})
}

// reject gives up on one row. It is put down before the position moves past it.
func (p *mutationPusher) reject(row Row, reason error) error {
	if err := p.rejects.Add(row, reason); err != nil {
		return err
	}
	p.result.Rejected++
	if len(p.result.Failed) < maxFailures {
		p.result.Failed = append(p.result.Failed, Failure{Position: row.Position, Err: reason})
	}
	p.opts.Report.Tell(work.Event{Kind: work.EventDone})
	p.job.Deferred.Remove(row.Position)
	if row.Err != nil {
		p.pass(row)
	} else {
		p.done(row)
	}
	return nil
}

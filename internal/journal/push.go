package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/mend"
	"github.com/engram-sync/engram-sync/internal/work"
)

// Remote is a journal that can be written to. Its methods are never called at the
// same time (account-server.md 4.7). It does not find out what became of a batch
// whose answer was lost: no server tells that for sure without what was put on
// disk before, which is the job.
type Remote interface {
	Reader
	// PushMutations appends a batch, whole or not at all. An error that wraps
	// engram.ErrOutcomeUnknown leaves open which; after any other nothing of it
	// was stored.
	PushMutations(ctx context.Context, entries []engram.MutationEntry, key string) (engram.PushMutationsResult, error)
}

// Source is where mutations come from: numbered rows in their order.
type Source interface {
	// ID names the source; it stays the same while rows are added at the end.
	ID() string
	// Rows gives the rows after a position.
	Rows(ctx context.Context, after int64) iter.Seq2[Row, error]
}

// Row is one mutation of a source.
type Row struct {
	Position int64 // the line of a file, the seq of a database
	// Hash is a hash by which the source is recognised when it is read again up
	// to this row.
	Hash  [32]byte
	Entry engram.MutationEntry
	// Skip says that the row is not for sending.
	Skip bool
	// SetAside is the word for why the source itself keeps the row from being sent; ""
	// if it does not. That may end.
	SetAside string
	// Err is why the row cannot be sent. It is rejected then.
	Err error
	// Fills are what was mended in the entry.
	Fills []mend.Fill
	// Orphan is the session that the row needs and no row before it brings; "" if
	// there is none.
	Orphan string
}

// JobStore is where one job is kept between runs.
type JobStore interface {
	// Write makes the job durable before it returns.
	Write(job any) error
}

// Rejects takes the rows that cannot be pushed.
type Rejects interface {
	// Add makes the row durable before it returns. Adding one again adds nothing.
	Add(row Row, reason error) error
}

// PushOptions are how a run goes about its work.
type PushOptions struct {
	// Reconcile compares the source with the whole journal, and sends only what
	// is not in it.
	Reconcile bool
	// Accept settles what was rejected, and what waits for it.
	Accept bool
	// Form brings a mutation into the form that the journal gives it, where that is not the one
	// in which it was sent, so that it is known again; nil if that is the same.
	Form func(engram.MutationEntry) engram.MutationEntry
	// RowsGo says that rows can go from the source: others then say what they said.
	RowsGo bool
	// Known are the sessions that the journal has, and Parents finds the others: no
	// row goes without its session. nil: nobody has to know.
	Known   *Sessions
	Parents Parents
	// Total is how many rows there are to send, those that are deferred too.
	Total int
	// Retries is how often a batch that was certainly not stored is sent again
	// after an answer that left that open.
	Retries int
	// Refused says of an error that looking again would not help.
	Refused func(error) bool
	// Report hears what happens. nil: nobody does.
	Report work.Report
	// Notify hears of waits that a person would notice.
	Notify func(wait time.Duration, why string)
}

// ErrOtherSource: the source is not the one that the job was about.
var ErrOtherSource = errors.New("the source is another one than before")

// Push sends what a source holds and the journal does not, in order,
// one batch at a time. The job says how far earlier runs came, and is kept up
// to date in its store, so that a run that was stopped anywhere can be taken up
// again: every row arrives once.
func Push(ctx context.Context, remote Remote, source Source, job *Job, rejects Rejects, opts PushOptions) PushResult {
	return newPusher(remote, source, job, rejects, opts).push(ctx)
}

func newPusher(remote Remote, source Source, job *Job, rejects Rejects, opts PushOptions) *pusher {
	return &pusher{
		remote: remote, source: source, job: job, rejects: rejects, opts: opts, result: PushResult{Paused: map[string]int64{}},
		maxRows: batchRows, maxBytes: batchBytes, paused: pausedRows{projects: map[string]bool{}, entities: map[[16]byte]string{}},
	}
}

func (p *pusher) push(ctx context.Context) PushResult {
	job, opts := p.job, p.opts
	opts.Report.Tell(work.Event{Kind: work.EventPlan, Direction: work.Pushed, Items: opts.Total})
	err := p.run(ctx)
	if p.dirty {
		err = errors.Join(err, p.save())
	}
	r := &p.result
	r.Err, r.Deferred, r.LastSeq = err, job.Deferred.Len(), job.LastSeq
	r.Remaining = max(0, int64(opts.Total)-r.Sent-r.Present-r.Rejected-r.Deferred)
	if opts.Accept && err == nil {
		p.accept()
		r.Err, r.Deferred, r.Rejected = p.save(), job.Deferred.Len(), 0
	}
	r.Dependent, r.Orphaned, r.Accepted = p.dependent.Len(), p.orphaned.Len(), job.Accepted.Len()
	r.Standing = max(0, job.Rejected.Len()-r.Rejected)
	return *r
}

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
	maxRows  int // of a batch
	maxBytes int
	tail     *Row // the last row that was skipped while rows wait in the batch

	headConfirmed bool // job.LastSeq is a row that was seen in this run
	dirty         bool // job has something that is not saved
	paused        pausedRows
	missing       missing       // nil while nothing was refused
	dependent     Positions     // what waits for it
	have          journalCounts // what the journal holds; nil unless reconciling

	there    map[string]bool // of the sessions that orphans need; nil while nobody asked
	orphaned Positions       // what waits because nobody has its session
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
	p.job.Rejected.Cut(p.job.Position)
	if err := p.reconsider(ctx); err != nil {
		return err
	}
	if len(p.job.Rejected)+len(p.job.Accepted) > 0 {
		if err := p.learnMissing(ctx); err != nil {
			return err
		}
	}
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
	if err := p.retryDependent(ctx); err != nil {
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
	if !p.opts.RowsGo {
		return fmt.Errorf("%w: rows that are still to be sent are gone", ErrOtherSource)
	}
	return nil
}

// add takes the next row of the source. The batch is sent when it is full.
func (p *pusher) add(ctx context.Context, row Row) error {
	switch {
	case row.SetAside != "":
		p.setAside(row)
	case row.Skip:
		p.missing.has(row.Entry)
		p.take(row) // it stands for one of the journal's rows, and no later one does
		p.result.Skipped++
		p.job.Skipped++
	case p.job.Accepted.Has(row.Position):
		p.missing.lacks(row.Entry)
	case p.take(row):
		p.result.Present++
		p.ended()
	case row.Err != nil:
		return p.reject(ctx, row, row.Err)
	case p.holdBack(row):
		p.ended()
	default:
		if err := p.confirmHead(ctx); err != nil { // how long a batch is depends on the server alone
			return err
		}
		if len(p.rows) >= p.maxRows || len(p.rows) > 0 && p.size+row.size() > p.maxBytes {
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
func (p *pusher) reject(ctx context.Context, row Row, reason error) error {
	if err := p.rejects.Add(row, reason); err != nil {
		return err
	}
	p.result.Rejected++
	if len(p.result.Failed) < maxFailures {
		p.result.Failed = append(p.result.Failed, Failure{Position: row.Position, Err: reason})
	}
	p.ended()
	p.job.Deferred.Remove(row.Position)
	p.job.Rejected.Add(row.Position)
	if row.Err != nil {
		p.job.Unsent.Add(row.Position)
	}
	if err := p.learnMissing(ctx); err != nil {
		return err
	}
	p.missing.lacks(row.Entry)
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

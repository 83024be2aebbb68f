package journal

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
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
	// LeftOut rows are not for sending.
	Skip bool
	// Err is why the row cannot be sent. It is rejected then.
	Err error
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
	// Total is how many rows there are to send, those that are deferred too.
	Total int
	// Retries is how often a batch that was certainly not stored is sent again
	// after an answer that left that open.
	Retries int
	// Refused says of an error that looking again would not help. nil: none is.
	Refused func(error) bool
	// Report hears what happens. nil: nobody does.
	Report work.Report
	// Notify hears of waits that a person would notice. nil: nobody does.
	Notify func(wait time.Duration, why string)
}

// Failure is a row that did not arrive, and why.
type Failure struct {
	Position int64
	Err      error
}

// maxFailures bounds the failures that a result lists. All are counted, and the
// sink of rejects has them all.
const maxFailures = 1000

// PushResult is how the rows of a run ended.
type PushResult struct {
	Sent, Present, Rejected, Skipped int64
	// Deferred are the rows that wait for paused projects, those of earlier runs too.
	Deferred int64
	// Remaining are the rows that an error kept from being tried.
	Remaining int64
	Batches   int
	LastSeq   int64            // of the newest row in the journal that is known; 0 if none is
	Paused    map[string]int64 // the paused projects, with the rows that they hold back
	Failed    []Failure        // the rejected rows, at most a thousand of them
	// Err is what ended the run early; nil if it went through the whole source.
	Err error
}

// ErrOtherSource: the source is not the one that the job was about.
var ErrOtherSource = errors.New("the source is another one than before")

// Push sends what a source holds and the journal does not, in order,
// one batch at a time. The job says how far earlier runs came, and is kept up
// to date in its store, so that a run that was stopped anywhere can be taken up
// again: every row arrives once.
func Push(ctx context.Context, remote Remote, source Source, job *Job, rejects Rejects, opts PushOptions) PushResult {
	if opts.Notify == nil {
		opts.Notify = func(time.Duration, string) {}
	}
	if opts.Refused == nil {
		opts.Refused = func(error) bool { return false }
	}
	p := &pusher{
		remote: remote, source: source, job: job, rejects: rejects, opts: opts,
		maxBytes: batchBytes, paused: newPausedRows(),
	}
	p.result.Paused = map[string]int64{}
	opts.Report.Tell(work.Event{Kind: work.EventPlan, Direction: work.Pushed, Items: opts.Total})
	err := p.run(ctx)
	if p.dirty {
		err = errors.Join(err, p.save())
	}
	r := &p.result
	r.Err, r.Deferred, r.LastSeq = err, job.Deferred.Len(), job.LastSeq
	r.Remaining = max(0, int64(opts.Total)-r.Sent-r.Present-r.Rejected-r.Deferred)
	return *r
}

package journal

import (
	"context"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Plan says what Push would do, if the server took all that is not known to be
// refused: Remaining and Retried are the rows that would be sent, the others mean what
// they mean after Push. It is the same run, with nothing sent and nothing kept; but the
// job is used up. The journal is only read where a run would compare with it: what
// became of a batch whose answer was lost is not asked, and counts as not sent.
func Plan(ctx context.Context, remote Reader, source Source, job *Job, opts PushOptions) (PushResult, error) {
	job.Store, job.Intent = nowhere{}, nil
	before := append(Positions(nil), job.Deferred...)
	before.Cut(job.Position)
	if opts.Known != nil {
		opts.Known.Store = nowhere{}
	}
	opts = PushOptions{Reconcile: opts.Reconcile, Known: opts.Known, Parents: opts.Parents, RowsGo: opts.RowsGo, Form: opts.Form}
	p := newPusher(takesAll{remote}, source, job, nowhere{}, opts)
	p.headConfirmed = true // no row's number matters
	r := p.push(ctx)
	r.Remaining, r.Sent, r.Batches = r.Sent, 0, 0
	if p.have == nil {
		for _, held := range before {
			for at := held[0]; at <= held[1]; at++ {
				if !job.Deferred.Has(at) && !job.Rejected.Has(at) {
					r.Retried++
				}
			}
		}
		r.Remaining -= r.Retried
	}
	return r, r.Err
}

// takesAll is a remote that takes every batch, and stores none.
type takesAll struct{ Reader }

func (takesAll) PushMutations(context.Context, []engram.MutationEntry, string) (engram.PushMutationsResult, error) {
	return engram.PushMutationsResult{}, nil
}

// nowhere keeps nothing.
type nowhere struct{}

func (nowhere) Write(any) error      { return nil }
func (nowhere) Add(Row, error) error { return nil }

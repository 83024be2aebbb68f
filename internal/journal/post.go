package journal

import (
	"context"
	"errors"
	"time"

	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// heartbeat is how often an intent says that its batch may still be sent by now.
const heartbeat = 10 * time.Second

// UnstoredError is an answer that left open whether a batch was stored, where
// a look at the journal showed that it was not.
type UnstoredError struct{ Err error }

func (e *UnstoredError) Error() string {
	return "the journal shows that nothing of it was stored: " + e.Err.Error()
}

// intend puts down what is about to be sent, and where to look for it.
func (p *mutationPusher) intend(ctx context.Context, b batch) error {
	if err := p.findHead(ctx); err != nil {
		return err
	}
	p.job.Intent = &Intent{Rows: b.at, Mark: b.rows[len(b.rows)-1].Mark, Key: b.key(p.job), AfterSeq: p.job.LastSeq}
	return nil
}

// post sends a batch until its outcome is certain, and gives the number of its
// last row. The intent is on disk before, and stays there while the outcome is
// open.
func (p *mutationPusher) post(ctx context.Context, b batch) (lastSeq int64, err error) {
	if err := p.intend(ctx, b); err != nil {
		return 0, err
	}
	open := false // an earlier attempt may still be under way
	for pause, attempt := firstPause, 0; ; pause, attempt = pause*2, attempt+1 {
		result, err := p.attempt(ctx, b)
		if err == nil {
			return result.LastSeq, nil
		}
		if !errors.Is(err, engram.ErrOutcomeUnknown) {
			return 0, p.refused(err, open)
		}
		seq, verdict, settleErr := p.settle(ctx, b, err)
		if settleErr != nil || verdict == arrived {
			return seq, settleErr
		}
		open = open || verdict == harmless
		if attempt >= p.opts.Retries && open {
			return 0, err
		}
		if attempt >= p.opts.Retries {
			return 0, p.refused(&UnstoredError{Err: err}, open)
		}
		p.opts.Notify(pause, "the server did not store the mutations: "+err.Error())
		if err := cancellable.Sleep(ctx, pause); err != nil {
			return 0, p.refused(err, open)
		}
	}
}

// refused is for an error after which nothing is under way, so that the next
// run need not look; unless an earlier attempt still is, and the error does
// not say that the batch can never be stored.
func (p *mutationPusher) refused(err error, open bool) error {
	var content *engram.ContentError
	var large *engram.BatchTooLargeError
	if !open || errors.As(err, &content) || errors.As(err, &large) {
		p.job.Intent, p.dirty = nil, true
	}
	return err
}

// attempt sends the batch once. Meanwhile the intent is kept fresh: the
// remote may wait for long before it really sends.
func (p *mutationPusher) attempt(ctx context.Context, b batch) (engram.PushMutationsResult, error) {
	p.job.Intent.SentAt = time.Now().Unix()
	if err := p.save(); err != nil {
		p.job.Intent = nil
		return engram.PushMutationsResult{}, err
	}
	type answer struct {
		result engram.PushMutationsResult
		err    error
	}
	answered := make(chan answer, 1)
	go func() {
		result, err := p.remote.PushMutations(ctx, b.entries, p.job.Intent.Key)
		answered <- answer{result, err}
	}()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case a := <-answered:
			return a.result, a.err
		case <-beat.C:
			p.job.Intent.SentAt = time.Now().Unix()
			p.dirty = p.save() != nil // the next one will say why
		}
	}
}

package journal

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/panics"
	"github.com/engram-sync/engram-sync/internal/work"
)

// send sends rows in one request, or in more if the server wants it so. Rows
// that it does not take for good are rejected, and those of paused projects held
// back; an error ends the run.
func (p *pusher) send(ctx context.Context, rows []Row) error {
	type part struct {
		rows  []Row
		lists int // how often the server named rows of it that it does not take
	}
	for todo := []part{{rows: rows}}; len(todo) > 0; {
		rows, err := p.withParents(ctx, p.sendable(todo[len(todo)-1].rows))
		if err != nil {
			return err
		}
		lists := todo[len(todo)-1].lists
		rows, todo = p.sendable(rows), todo[:len(todo)-1]
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
			todo = append(todo, part{rows, lists})
		case next == halve && lists < maxLists && len(invalidOf(err)) > 0:
			rest, err := p.rejectNamed(ctx, rows, err)
			if err != nil {
				return err
			}
			todo = append(todo, part{rest, lists + 1})
		case len(rows) > 1:
			half := middle(rows, next == halveBySize)
			todo = append(todo, part{rows: rows[half:], lists: lists}, part{rows: rows[:half], lists: lists})
		default:
			if err := p.reject(ctx, rows[0], err); err != nil {
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
		if large.Stranger && len(rows) == 1 {
			return stop
		}
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
		p.missing.has(row.Entry)
		if row.Entry.Entity == "session" && row.Entry.Op == "upsert" && p.there != nil {
			p.there[strings.TrimSpace(row.Entry.EntityKey)] = true
		}
		p.orphaned.Remove(row.Position)
		p.result.mended(row)
		p.advance(row)
		p.ended()
	}
	p.opts.Report.Tell(work.Event{Kind: work.EventBytes, Bytes: int64(sizeOf(b.rows))})
}

// heartbeat is how often an intent says that its batch may still be sent by now.
const heartbeat = 10 * time.Second

// UnstoredError is an answer that left open whether a batch was stored, where
// a look at the journal showed that it was not.
type UnstoredError struct{ Err error }

func (e *UnstoredError) Error() string {
	return "the journal shows that nothing of it was stored: " + e.Err.Error()
}

// post sends a batch until its outcome is certain, and gives the number of its
// last row. The intent is on disk before, and stays there while the outcome is
// open.
func (p *pusher) post(ctx context.Context, b batch) (lastSeq int64, err error) {
	if err := p.intend(ctx, b); err != nil {
		return 0, err
	}
	open := false // an earlier attempt may still be under way
	var failing time.Time
	for pause, attempt := time.Second, 0; ; pause, attempt = pause*2, attempt+1 {
		seq, became, err := p.try(ctx, b)
		open = open || became == idempotent
		if failing.IsZero() {
			failing = time.Now()
		}
		lastTry := attempt >= p.opts.Retries || time.Since(failing)+pause > settleFor
		switch {
		case became == arrived:
			return seq, nil
		case became == refused:
			return 0, p.conclude(err, open)
		case became == unknown, lastTry && open:
			return 0, err // the intent stays
		case lastTry:
			return 0, p.conclude(&UnstoredError{Err: err}, open)
		}
		wait := pause/2 + rand.N(pause/2) // others may have failed at the same moment
		p.opts.Notify(wait, "the server did not store the mutations: "+err.Error())
		if err := cancellable.Sleep(ctx, wait); err != nil {
			return 0, p.conclude(err, open)
		}
	}
}

// intend puts down what is about to be sent, and where to look for it.
func (p *pusher) intend(ctx context.Context, b batch) error {
	if err := p.confirmHead(ctx); err != nil {
		return err
	}
	p.job.Intent = &Intent{Rows: b.at, Hash: b.rows[len(b.rows)-1].Hash, Key: b.key(p.job), AfterSeq: p.job.LastSeq}
	return nil
}

// confirmHead makes sure that job.LastSeq is the number of a row of the journal,
// the newest that is visible: whatever is pushed from now on has a higher one.
// That is so by itself after a push in the same run; before, the journal is
// asked, because the server may have been restored from a backup meanwhile.
func (p *pusher) confirmHead(ctx context.Context) error {
	if p.headConfirmed {
		return nil
	}
	known := p.job.LastSeq
	page, err := readPage(ctx, p.remote, max(0, known-1), 1)
	if err != nil {
		return err
	}
	head := page.Head
	if page.CommitOrdered {
		p.maxRows = orderedRows
	} else {
		if len(page.Mutations) == 0 || page.Mutations[0].Seq != known {
			known = 0 // the row is gone, or hidden
		}
		if head, err = newest(ctx, p.remote, known); err != nil {
			return err
		}
	}
	p.job.LastSeq, p.headConfirmed = head, true
	return nil
}

// try sends the batch once, and finds out what became of it. The error says why
// it has not arrived.
func (p *pusher) try(ctx context.Context, b batch) (seq int64, became outcome, err error) {
	result, err := p.attempt(ctx, b)
	switch {
	case err == nil:
		return result.LastSeq, arrived, nil
	case errors.Is(err, engram.ErrOutcomeUnknown):
		return p.settle(ctx, b, err)
	}
	return 0, refused, err
}

// stranger is an error that may tell of a refusal by somebody else than the server.
type stranger interface {
	error
	Stranger() bool
}

// conclude is for an error after which nothing is under way, so that the next
// run need not look; unless an earlier attempt still is, and the error does
// not say that the batch can never be stored. Who refuses on the way may have
// refused the server's good answer, too.
func (p *pusher) conclude(err error, open bool) error {
	_, content := errors.AsType[*engram.ContentError](err)
	_, large := errors.AsType[*engram.BatchTooLargeError](err)
	by, ok := errors.AsType[stranger](err)
	open = open || ok && by.Stranger()
	if !open || content || large {
		p.job.Intent, p.dirty = nil, true
	}
	return err
}

// attempt sends the batch once. Meanwhile the intent is kept fresh: the
// remote may wait for long before it really sends.
func (p *pusher) attempt(ctx context.Context, b batch) (result engram.PushMutationsResult, err error) {
	p.job.Intent.SentAt = time.Now().Unix()
	if err := p.save(); err != nil {
		p.job.Intent = nil
		return result, err
	}
	answered := make(chan struct{})
	go func() {
		defer panics.Guard()
		defer close(answered)
		result, err = p.remote.PushMutations(ctx, b.entries, p.job.Intent.Key)
	}()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-answered:
			return result, err
		case <-beat.C:
			p.job.Intent.SentAt = time.Now().Unix()
			p.dirty = p.save() != nil // the next one will say why
		}
	}
}

// The size of a batch: as many rows as engram's own client sends, and well below
// every server's limit, so that it is stored quickly (account-server.md 4.1, 8). Our own
// server takes more of them at once: there each row costs little, and each batch makes
// both sides write to their disks.
const (
	batchRows   = 100
	orderedRows = 1000
	batchBytes  = 1 << 20
	// rowBytes is what a row takes in a request besides its texts.
	rowBytes = 100
)

// batch is rows that go in one request.
type batch struct {
	rows    []Row
	entries []engram.MutationEntry
	at      Positions
}

func newBatch(rows []Row) batch {
	b := batch{rows: rows}
	for _, row := range rows {
		b.entries = append(b.entries, row.Entry)
		b.at.Add(row.Position)
	}
	return b
}

// key names the batch to a server that stores each key once, and refuses it for
// other content. It depends on nothing but the source and the very bytes, so
// that it is the same after all state was lost.
func (b batch) key(job *Job) string {
	h := sha256.New()
	part := func(text []byte) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text))))
		h.Write(text)
	}
	part([]byte(job.Source))
	part([]byte(job.Nonce))
	for _, row := range b.rows {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(row.Position)))
		e := row.Entry
		for _, text := range []string{e.Entity, e.EntityKey, e.Op, e.Project} {
			part([]byte(text))
		}
		part(e.Payload)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// size is what the row takes in a request.
func (r Row) size() int {
	e := r.Entry
	return rowBytes + len(e.Entity) + len(e.EntityKey) + len(e.Op) + len(e.Payload) + len(e.Project)
}

func sizeOf(rows []Row) int {
	total := 0
	for _, row := range rows {
		total += row.size()
	}
	return total
}

// middle is where to halve rows: by their number, or by their size.
func middle(rows []Row, bySize bool) int {
	if !bySize {
		return len(rows) / 2
	}
	total, left := sizeOf(rows), 0
	for i, row := range rows[:len(rows)-1] {
		if left += row.size(); left*2 >= total {
			return i + 1
		}
	}
	return len(rows) - 1
}

package syncer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/engram-sync/engram-sync/internal/arrival"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/inflight"
	"github.com/engram-sync/engram-sync/internal/recognition"
	"github.com/engram-sync/engram-sync/internal/refused"
	"github.com/engram-sync/engram-sync/internal/work"
)

// push uploads the chunks that the remote lacks. Then it reads the remote's
// manifest once more: what the server accepted but does not list is a failure.
func push(ctx context.Context, s *Diff, opts Options, result *Result) {
	items := opts.choose(s.ToPush)
	if len(items) == 0 {
		return
	}
	p := pusher{Diff: s, opts: opts, projected: s.projection, sums: map[engram.ChunkID][32]byte{}}
	items, gone, outcomes := s.ahead.split(items)
	if s.ahead != nil {
		p.sums = s.ahead.pusher.sums
	}
	if len(items) > 0 {
		var more []outcome
		items, more = p.pushRest(ctx, items, gone, outcomes, result)
		gone, outcomes = append(gone, items...), append(outcomes, more...)
	}
	p.confirm(ctx, gone, outcomes)
	s.ahead.inTurn(s.ToPush, gone, outcomes)
	result.collect(gone, outcomes)
}

// pushRest pushes what has not gone ahead. It gives the items in the order in which they
// went, without those that are there.
func (p *pusher) pushRest(ctx context.Context, items, gone []Item, went []outcome, result *Result) ([]Item, []outcome) {
	var stages []int
	p.order, stages = p.arrange(ctx, slices.Concat(gone, items), p.opts)
	items = slices.Clone(items)
	for i := range items {
		items[i].Stage = stages[len(gone)+i]
	}
	for i, item := range gone {
		p.holdUp(item, went[i])
	}
	var late, behind []Item
	p.flight, items, late = newFlight(p.opts.InFlight, items)
	items, behind = apartFrom(late, items, p.order)
	outcomes := p.ahead.transfer(ctx, items, p.opts, p.push)
	if len(late) > 0 {
		present, sent, more := p.pushLate(ctx, late, behind)
		result.Present, items, outcomes = append(result.Present, present...), append(items, sent...), append(outcomes, more...)
	}
	p.settle(items, outcomes)
	return items, outcomes
}

type pusher struct {
	*Diff
	opts      Options
	order     *arrival.Order
	flight    *inflight.Flight
	projected func(local engram.ChunkID) (recognition.Projection, bool)

	mu   sync.Mutex
	sums map[engram.ChunkID][32]byte // of what was sent, by the id there
}

func (s *Diff) projection(local engram.ChunkID) (recognition.Projection, bool) {
	p, ok := s.Projected[local]
	return p, ok
}

// maxMentioned is about how many bytes of chunks are read for their order before a push to
// an account server: what is beyond has none, since large pushes there cost little else.
// For project servers chunks have been read for more than that.
const maxMentioned = 64 << 20

// arrange gives items their stages.
func (s *Diff) arrange(ctx context.Context, items []Item, opts Options) (*arrival.Order, []int) {
	chunks := make([]arrival.Chunk, len(items))
	for i, item := range items {
		chunks[i] = arrivalOf(item, s.Projected[item.Local])
	}
	var dir arrival.Opener = s.local
	most := int64(maxMentioned)
	if s.asked.Projector != nil {
		most = math.MaxInt64
		if projector, ok := s.asked.Projector.(arrival.Reader); ok {
			dir = readBefore{s.local, projector}
		}
	}
	return arrival.Arrange(ctx, dir, chunks, most, opts.Concurrency)
}

// readBefore is a directory of which a Projector has read chunks.
type readBefore struct {
	arrival.Opener
	arrival.Reader
}

// arrivalOf is an item as its order sees it.
func arrivalOf(item Item, p recognition.Projection) arrival.Chunk {
	c := arrival.Chunk{ID: item.Local, At: item.Entry.Time()}
	for _, part := range p.Parts {
		if part.ID == item.Remote {
			c.Provides, c.Needs = part.Provides, part.Needs
		}
	}
	return c
}

// push sends a chunk, unless one that has to be there before it has failed.
func (p *pusher) push(ctx context.Context, item Item, _ func()) outcome {
	f, waits := p.order.Waits(item.Local)
	if waits {
		p.order.Fail(item.Local, f)
		return outcome{err: fmt.Errorf("%w: chunk %s has to be there before it, and failed: %w", ErrNotTried, f.ID, f.Err)}
	}
	out := p.send(ctx, item)
	p.holdUp(item, out)
	return out
}

// holdUp leaves to the next run what has to come behind an item that has failed for now.
func (p *pusher) holdUp(item Item, out outcome) {
	if out.err != nil && (p.opts.Held[item.Local] != nil || p.opts.Passing != nil && p.opts.Passing(out.err)) {
		p.order.Fail(item.Local, arrival.Failure{ID: item.Local, Err: out.err})
	}
}

func (p *pusher) send(ctx context.Context, item Item) outcome {
	if err := p.opts.Held[item.Local]; err != nil {
		return outcome{err: err}
	}
	var last *engram.Chunk
	open := func() (*engram.Chunk, error) {
		c, err := p.open(ctx, item)
		if err != nil {
			return nil, err
		}
		p.opts.Report.Watch(c)
		last = c
		return c, nil
	}
	stored := item.Remote
	if err := p.flight.Send(item.Remote); err != nil {
		return outcome{err: err}
	}
	if err := p.remote.WriteChunk(ctx, *item.Entry, open); err != nil {
		var other interface{ StoredAs() engram.ChunkID }
		if _, projected := p.projected(item.Local); !projected || !errors.As(err, &other) {
			return outcome{err: p.blame(item, err)}
		}
		stored = other.StoredAs() // on which the server has the last word
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sums[stored] = last.Sum()
	return outcome{local: item.Local, stored: stored, bytes: last.Size()}
}

// ContentRefusedError says that a server refuses a chunk for what it holds, and
// for which row that most likely is.
type ContentRefusedError struct {
	Suspect refused.Suspect
	Err     error
}

func (e *ContentRefusedError) Error() string { return fmt.Sprintf("%s: %s", e.Err, e.Suspect) }

// Unwrap gives the remote's error.
func (e *ContentRefusedError) Unwrap() error { return e.Err }

// blame finds the row for which a chunk was refused, where the remote says that it
// is about the content. What is projected was looked through before.
func (p *pusher) blame(item Item, err error) error {
	var content interface{ AboutContent() bool }
	if _, projected := p.projected(item.Local); projected || !errors.As(err, &content) || !content.AboutContent() {
		return err
	}
	c, openErr := p.local.OpenChunk(item.Local)
	if openErr != nil {
		return err
	}
	defer func() { _ = c.Close() }() // only read
	suspect, readErr := refused.ReadSuspect(c)
	if readErr != nil || suspect.List == "" {
		return err
	}
	return &ContentRefusedError{Suspect: suspect, Err: err}
}

// open opens what is sent of a chunk: all of it, or what it becomes on the remote.
func (p *pusher) open(ctx context.Context, item Item) (*engram.Chunk, error) {
	if _, projected := p.projected(item.Local); projected {
		return p.asked.Projector.OpenPart(ctx, item.Local, item.Remote)
	}
	return p.local.OpenChunk(item.Local)
}

// confirm believes no acknowledgement before the manifest agrees.
func (p *pusher) confirm(ctx context.Context, items []Item, outcomes []outcome) {
	if !slices.ContainsFunc(outcomes, func(out outcome) bool { return out.err == nil }) {
		return
	}
	there, err := p.readAgain(ctx)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrUnconfirmed, err)
	}
	sent := make([]int, 0, len(items))
	for i := range items {
		if outcomes[i].err == nil {
			sent = append(sent, i)
		}
	}
	work.Each(sent, p.opts.Concurrency, nil, func(i int) {
		if outcomes[i].err = err; err == nil {
			outcomes[i].err = p.confirmOne(ctx, there, items[i], outcomes[i].stored)
		}
	})
	p.remember(items, outcomes)
}

// lastLook is how long an interrupted push may still take to find out what the
// server has stored.
const lastLook = 3 * time.Second

// readAgain reads the manifest. That happens after an interruption too: what was
// sent has moved, and should not be reported as failed.
func (p *pusher) readAgain(ctx context.Context) (*engram.Manifest, error) {
	if ctx.Err() != nil {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLook)
		defer cancel()
		ctx = bounded
	}
	return p.remote.ReadManifest(ctx)
}

func (p *pusher) confirmOne(ctx context.Context, there *engram.Manifest, item Item, stored engram.ChunkID) error {
	listed, ok := there.Entry(stored)
	if !ok {
		return ErrNotStored
	}
	if !p.expected(item, stored) {
		return p.confirmRows(ctx, item, stored)
	}
	if !p.opts.ReadBack && (p.asked.Projector != nil || !differ(*item.Entry, listed)) {
		return nil
	}
	got, _, err := p.readThere(ctx, stored, nil)
	if err == nil && stored == item.Remote && got != p.sums[stored] { // else it is in a form of the server's
		return ErrOtherBytes
	}
	return err
}

// expected says whether the remote may know what was sent by this id. Source:
// project-server.md 3.1, engram-2.md 4.4.
func (p *pusher) expected(item Item, stored engram.ChunkID) bool {
	return stored == item.Remote || slices.ContainsFunc(p.Projected[item.Local].Parts, func(part recognition.Part) bool {
		return part.ID == item.Remote && slices.Contains(part.IDs(), stored)
	})
}

// confirmRows believes an id that nobody here expected when the chunk behind it has the
// rows that were sent: an answer can be another request's, or a lie, and the id of some
// other chunk would be taken for this one from then on.
func (p *pusher) confirmRows(ctx context.Context, item Item, stored engram.ChunkID) error {
	var theirs recognition.RowSet
	_, err := p.remote.ReadChunk(ctx, stored, func(c *engram.Chunk) error {
		rows, err := engram.ReadRows(c, recognition.ReadSignatures)
		theirs.Add(rows)
		return err
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnconfirmed, err)
	}
	c, err := p.open(ctx, item)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // only read
	ours, err := engram.ReadRows(c, recognition.ReadSignatures)
	if err != nil {
		return err
	}
	if len(ours) == 0 || slices.ContainsFunc(ours, func(v recognition.Signature) bool { return !theirs.Has(v) }) {
		return fmt.Errorf("%w: chunk %s", ErrOtherRows, stored)
	}
	return nil
}

// remember keeps the ids that nobody here would have expected for later runs.
func (p *pusher) remember(items []Item, outcomes []outcome) {
	answered := map[engram.ChunkID]engram.ChunkID{}
	for i, item := range items {
		if outcomes[i].err == nil && !p.expected(item, outcomes[i].stored) {
			answered[item.Remote] = outcomes[i].stored
		}
	}
	if len(answered) == 0 {
		return
	}
	err := p.asked.Projector.Answered(answered)
	for i, item := range items {
		if _, ok := answered[item.Remote]; ok && outcomes[i].err == nil {
			outcomes[i].err = err
		}
	}
}

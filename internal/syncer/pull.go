package syncer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/engram-sync/engram-sync/internal/adoption"
	"github.com/engram-sync/engram-sync/internal/arrival"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/work"
)

// pull downloads the chunks that are missing here. A chunk that cannot be had
// stays out of the manifest.
func pull(ctx context.Context, s *Diff, opts Options, result *Result) {
	if items := s.pulls(opts); len(items) > 0 {
		p := puller{Diff: s, opts: opts, order: lineUp(items)}
		p.holdForms(items)
		tried, outcomes := p.pullOurs(ctx, items)
		p.finish(ctx, tried, outcomes)
		result.collect(tried, outcomes)
		result.Left, result.Unasked = append(result.Left, p.left...), append(result.Unasked, p.unasked...)
		result.Replaced = append(result.Replaced, p.found...)
	}
}

// Fetched is how the download of an item ended.
type Fetched struct {
	Item
	// As is the id that it has here now.
	As    engram.ChunkID
	Bytes int64 // of it, uncompressed
	// Restored: an old client had reduced it, and it got identities for its rows.
	Restored bool
	Err      error
}

// Fetch downloads items of the remote, also those that a pull would find present: their
// files here are damaged. The entries that the manifest lacks go into it.
func (s *Diff) Fetch(ctx context.Context, items []Item, opts Options) []Fetched {
	items = inTurn(items, s.There)
	p := puller{Diff: s, opts: opts, order: lineUp(items)}
	outcomes := transfer(ctx, work.Pulled, items, p.opts, p.pull)
	p.finish(ctx, items, outcomes)
	fetched := make([]Fetched, len(items))
	for i, out := range outcomes {
		fetched[i] = Fetched{Item: items[i], As: out.local, Bytes: out.bytes, Restored: out.restored, Err: out.err}
	}
	return fetched
}

type puller struct {
	*Diff
	opts Options

	mu      sync.Mutex
	order   *arrival.Lineup
	pending []engram.ChunkEntry // stored, in turn, and not yet in the manifest
	version int                 // that what was stored wants of the manifest
	writing bool                // the manifest, with entries that were pending
	written int                 // entries
	flushed time.Time
	err     error // of writing the manifest

	forms     forms
	restoring sync.Mutex

	findOrigins sync.Once
	origins     map[origin][]engram.ChunkID // of the chunks here
	found       []Replacement               // of what has come and was not wanted

	left, unasked []Item
	sawAll        bool // each chunk that was not known
}

// The manifest is written now and then during a long pull, so that a killed
// run has not much to do again: it asks anew for what no entry names. Each time all of
// it is written, so the batches grow with it: what a chunk costs does not.
const (
	flushEntries = 64
	flushPart    = 8 // of what was written and stood there
	flushAfter   = 2 * time.Second
)

// choosing says whether it depends on what a chunk holds if it comes: nobody named it, and
// it is not here either.
func (p *puller) choosing(item Item) bool {
	return p.choice.looks() && len(p.opts.Only) == 0 && !p.isHere(item)
}

// pull brings a chunk here, and its entry into the manifest when it is its turn.
func (p *puller) pull(ctx context.Context, item Item, leave func()) (out outcome) {
	var entry engram.ChunkEntry
	var version int
	defer func() { // in a panic as well
		if !p.comesAgain(ctx, out.err) {
			p.list(ctx, item, entry, version)
		}
	}()
	if p.waitsForForm(item) {
		return outcome{err: errOpen}
	}
	if local, ok := p.formOf(ctx, item); ok {
		return outcome{local: local, present: true}
	}
	out, entry, version = p.fetch(ctx, item, leave)
	p.noteForm(item, out)
	return out
}

// fetch downloads a chunk, and stores it, if it is one of those that shall come. It gives its entry, and the version of a manifest that lists it.
func (p *puller) fetch(ctx context.Context, item Item, leave func()) (outcome, engram.ChunkEntry, int) {
	var chunk *engram.Chunk
	store := func(c *engram.Chunk) error {
		chunk, c.Signs = c, p.known() < engram.KnownManifestVersion
		c.AtEnd = leave
		p.opts.Report.Watch(c)
		return p.local.WriteChunk(ctx, c)
	}
	if keep := store; p.choosing(item) {
		store = func(c *engram.Chunk) error { return p.storeOurs(item, c, keep) }
	}
	sent, err := p.remote.ReadChunk(ctx, item.Remote, store)
	_, reduced := errors.AsType[*engram.ReducedError](err)
	restored := reduced && p.restorable(item)
	if restored {
		item.Entry, err = p.restore(ctx, item, store)
	}
	if err != nil {
		return outcome{err: err}, engram.ChunkEntry{}, 0
	}
	version, err := p.versionFor(chunk)
	if err != nil {
		return outcome{err: err}, engram.ChunkEntry{}, 0
	}
	entry := p.entry(item, sent, chunk.ID())
	if err := p.unlessReplaced(item, entry); err != nil {
		return outcome{err: err}, engram.ChunkEntry{}, 0
	}
	return outcome{local: chunk.ID(), bytes: chunk.Size(), restored: restored}, entry, version
}

// entry is what the manifest will say about a pulled chunk: what its pusher
// said, else what the server says, whose times are those of its own clock.
func (p *puller) entry(item Item, sent *engram.ChunkEntry, id engram.ChunkID) engram.ChunkEntry {
	e := *item.Entry
	if sent != nil {
		e = *sent
	}
	e.ID = id
	return e.Clamped(time.Now())
}

// versionFor is the version of a manifest that lists a chunk, which has been stored.
func (p *puller) versionFor(c *engram.Chunk) (int, error) {
	if !c.MayTell() {
		return p.known(), nil
	}
	contents, _, err := adoption.ReadContents(p.local, c.ID())
	return max(p.known(), engram.ManifestVersion(contents.Generation)), err
}

// known is the version that is written whatever the chunks show.
func (p *puller) known() int { return max(p.opts.MinVersion, p.There.Version()) }

// list says that an item has ended. Its entry, if there is one, goes on its way into
// the manifest, with the version that it wants.
func (p *puller) list(ctx context.Context, item Item, e engram.ChunkEntry, version int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.version = max(p.version, version)
	if p.flushed.IsZero() {
		p.flushed = time.Now()
	}
	p.pending = append(p.pending, p.order.End(item.Remote, e)...)
	most := max(flushEntries, (len(p.Here.Entries())+p.written)/flushPart)
	if len(p.pending) >= most || len(p.pending) > 0 && time.Since(p.flushed) >= flushAfter {
		p.flush(ctx)
	}
}

// flush writes the pending entries, if nobody does so already. If that fails, all of them
// stay pending for the end of the run. The caller holds the lock, which others can have meanwhile.
func (p *puller) flush(ctx context.Context) {
	if p.writing {
		return
	}
	batch, version := p.pending, p.version
	p.writing, p.pending = true, nil
	err := func() error {
		p.mu.Unlock()
		defer p.mu.Lock()
		// What was stored is kept, also when the user has had enough.
		return p.local.AddEntries(context.WithoutCancel(ctx), version, batch)
	}()
	p.writing, p.flushed, p.err = false, time.Now(), err
	if err != nil {
		p.pending = append(batch, p.pending...)
	} else {
		p.written += len(batch)
	}
}

// finish writes the rest of the entries. An item whose entry was not written has
// failed, although its file is there: the next run lists it.
func (p *puller) finish(ctx context.Context, tried []Item, outcomes []outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, item := range slices.Concat(p.left, p.unasked) {
		p.pending = append(p.pending, p.order.End(item.Remote, engram.ChunkEntry{})...)
	}
	if len(p.pending) > 0 {
		p.flush(ctx)
	}
	p.fail(outcomes, p.pending, p.err)
	for i, item := range tried {
		if p.order.IsNext(item.Remote) {
			p.fail(outcomes, p.order.Held(), fmt.Errorf("%w: %w", ErrNotInTurn, outcomes[i].err))
		}
	}
}

// comesAgain says of an error in pulling an item that the next run will have it, since
// this one is being cut off, or that this one may still have it, which is judged at its end.
func (p *puller) comesAgain(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() != nil || errors.Is(err, errOpen) || p.opts.fatal(err))
}

// inTurn gives items that are to be pulled the times of the list that they come from, and
// the order of these times.
func inTurn(items []Item, there *engram.Manifest) []Item {
	if len(items) == 0 {
		return nil
	}
	times := arrival.Times(there)
	items = slices.Clone(items)
	entries := make([]engram.ChunkEntry, len(items))
	for i := range items {
		entries[i] = *items[i].Entry
		entries[i].CreatedAt = engram.FormatTime(times[items[i].Remote])
		items[i].Entry = &entries[i]
	}
	slices.SortFunc(items, func(a, b Item) int { return times[a.Remote].Compare(times[b.Remote]) })
	return items
}

func lineUp(items []Item) *arrival.Lineup {
	ids := make([]engram.ChunkID, len(items))
	for i, item := range items {
		ids[i] = item.Remote
	}
	return arrival.LineUp(ids)
}

// fail is how the items of these entries end.
func (p *puller) fail(outcomes []outcome, entries []engram.ChunkEntry, err error) {
	of := map[engram.ChunkID]bool{}
	for _, e := range entries {
		of[e.ID] = true
	}
	for i := range outcomes {
		if outcomes[i].err == nil && of[outcomes[i].local] {
			outcomes[i].err = err
		}
	}
}

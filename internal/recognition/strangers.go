package recognition

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/work"
)

// recognise finds out what the remote holds in another form than this run would
// send: pushed with other options, by an older rule, or by somebody else. Nothing is
// read where everything of ours is listed. files are all chunks here, all those that are to
// be there: without the twins, of which the remote may have what was sent before.
func (m *Match) recognise(ctx context.Context, files, all []engram.ChunkID) error {
	unlisted := m.unlisted(all)
	if len(unlisted)+len(m.Twins) == 0 || len(m.There.Entries()) == 0 {
		return nil
	}
	held, err := m.opts.Projector.Rows(ctx, files)
	if err != nil {
		return err
	}
	for _, e := range m.There.Entries() {
		m.opts.Projector.Known(e.ID) // what is still there is still worth remembering
	}
	r := reader{Match: m, learned: map[engram.ChunkID][]Signature{}}
	err = r.recognise(ctx, all, unlisted, held)
	return errors.Join(err, m.opts.Projector.Learn(r.learned)) // nothing is read again, however it ended
}

// reader is one recognition on its way.
type reader struct {
	*Match
	mu      sync.Mutex
	learned map[engram.ChunkID][]Signature // the rows of chunks that were read
}

func (r *reader) recognise(ctx context.Context, all, unlisted []engram.ChunkID, held map[engram.ChunkID][]Signature) error {
	strangers, err := r.readStrangers(ctx)
	if err != nil {
		return err
	}
	var there RowSet
	for _, rows := range strangers {
		there.Add(rows)
	}
	// Sessions do not count at first: chunks have them in common, and each part brings
	// its own. Of what is sent in another form anyway none goes a second time.
	if err := r.addListed(ctx, near(all, unlisted, held, withoutSessions), &there); err != nil {
		return err
	}
	doubtful := slices.DeleteFunc(slices.Clone(unlisted), func(id engram.ChunkID) bool { return !there.shares(held[id]) })
	whole := func(rows []Signature) []Signature { return rows }
	if err := r.addListed(ctx, slices.Concat(doubtful, near(all, doubtful, held, whole)), &there); err != nil {
		return err
	}
	r.findCovered(held, strangers)
	return r.supplement(ctx, doubtful, &there)
}

// supplement replaces what is sent of chunks of which the remote has rows by what it lacks.
func (m *Match) supplement(ctx context.Context, ids []engram.ChunkID, there *RowSet) error {
	if len(ids) == 0 {
		return nil
	}
	supplements, err := m.opts.Projector.Supplement(ctx, ids, there)
	for id, p := range supplements {
		p.Supplement, p.Parts = true, append(m.listedParts(id), p.Parts...)
		m.Projected[id] = p
	}
	return err
}

// unlisted are the chunks of which the remote does not list all, or that have rows
// which stay here, and that another run may have sent.
func (m *Match) unlisted(all []engram.ChunkID) []engram.ChunkID {
	return slices.DeleteFunc(slices.Clone(all), func(id engram.ChunkID) bool {
		p := m.Projected[id]
		return p.Err != nil || len(m.listedParts(id)) == len(p.Parts) && len(p.LeftOut)+p.Personal == 0
	})
}

// listedParts are the parts of a chunk that the remote lists.
func (m *Match) listedParts(id engram.ChunkID) []Part {
	return slices.DeleteFunc(slices.Clone(m.Projected[id].Parts), func(part Part) bool { return !part.In(m.There) })
}

// near are the other chunks here that have rows of these ones: what the remote has of
// those it may have got of them, from here or from somebody who has them too.
func near(all, ids []engram.ChunkID, held map[engram.ChunkID][]Signature, counting func([]Signature) []Signature) []engram.ChunkID {
	var ours RowSet
	without := setOf(ids)
	for id := range without {
		ours.Add(counting(held[id]))
	}
	return slices.DeleteFunc(slices.Clone(all), func(id engram.ChunkID) bool { return without[id] || !ours.shares(held[id]) })
}

func withoutSessions(rows []Signature) []Signature {
	return slices.DeleteFunc(slices.Clone(rows), func(v Signature) bool { return v.Kind == engram.SessionRow })
}

// addListed adds the rows of what the remote lists of chunks here.
func (r *reader) addListed(ctx context.Context, ids []engram.ChunkID, there *RowSet) error {
	for _, id := range ids {
		for remote, open := range r.listed(ctx, id) {
			rows, ok := r.known(remote)
			if !ok {
				var err error
				if rows, err = readSignatures(open); ctx.Err() != nil {
					return context.Cause(ctx)
				} else if err != nil {
					continue // it is told when it moves, or by a verification
				}
				r.learn(remote, rows)
			}
			there.Add(rows)
		}
	}
	return nil
}

// listed are the ways to open what the remote lists of a chunk here.
func (r *reader) listed(ctx context.Context, id engram.ChunkID) map[engram.ChunkID]func() (*engram.Chunk, error) {
	open := map[engram.ChunkID]func() (*engram.Chunk, error){}
	if r.There.Has(id) {
		open[id] = func() (*engram.Chunk, error) { return r.opts.Local.OpenChunk(id) }
	}
	for _, part := range r.listedParts(id) {
		open[part.ID] = func() (*engram.Chunk, error) { return r.opts.Projector.OpenPart(ctx, id, part.ID) }
	}
	return open
}

// known are the rows of a chunk of the remote that were read, now or earlier.
func (r *reader) known(remote engram.ChunkID) ([]Signature, bool) {
	if rows, ok := r.learned[remote]; ok {
		return rows, true
	}
	return r.opts.Projector.Known(remote)
}

func readSignatures(open func() (*engram.Chunk, error)) ([]Signature, error) {
	c, err := open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }() // only read
	return engram.ReadRows(c, ReadSignatures)
}

func (r *reader) learn(remote engram.ChunkID, rows []Signature) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.learned[remote] = rows
}

// strangers are the remote's chunks that are neither here nor become of any here.
func (m *Match) strangers() []engram.ChunkID {
	origins := m.Origins()
	var ids []engram.ChunkID
	for _, e := range m.There.Entries() {
		if !m.Here.Names(m.LocalID(e.ID)) && len(origins[e.ID]) == 0 {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// readStrangers gives the rows of the remote's chunks that are nothing of ours, each of
// which is read once, whatever becomes of the run. One that cannot be read has none,
// unless it may be read another time.
func (r *reader) readStrangers(ctx context.Context) (map[engram.ChunkID][]Signature, error) {
	known := map[engram.ChunkID][]Signature{}
	var unread []engram.ChunkID
	for _, id := range r.strangers() {
		rows, ok := r.opts.Projector.Known(id)
		if known[id] = rows; !ok {
			unread = append(unread, id)
		}
	}
	if len(unread) == 0 {
		return known, nil
	}
	trying, stop := context.WithCancelCause(ctx) // for what has not begun
	defer stop(nil)
	r.opts.Report.Tell(work.Event{Kind: work.EventPlan, Direction: work.Compared, Items: len(unread)})
	work.Each(unread, r.opts.Concurrency, r.opts.Report, func(id engram.ChunkID) {
		if trying.Err() != nil {
			return
		}
		rows, err := r.readStranger(ctx, id)
		switch {
		case err == nil:
			r.learn(id, rows)
		case ctx.Err() == nil && r.opts.Fatal != nil && r.opts.Fatal(err):
			stop(err)
		}
	})
	maps.Copy(known, r.learned)
	return known, context.Cause(trying)
}

func (r *reader) readStranger(ctx context.Context, id engram.ChunkID) (rows []Signature, err error) {
	_, err = r.opts.Remote.ReadChunk(ctx, id, func(c *engram.Chunk) error {
		r.opts.Report.Watch(c)
		rows, err = engram.ReadRows(c, ReadSignatures)
		return err
	})
	return rows, err
}

// findCovered finds the strangers all of whose rows are here, and by which chunks:
// to pull those would bring the same rows a second time.
func (m *Match) findCovered(held, strangers map[engram.ChunkID][]Signature) {
	here := RowSet{Unfilled: true}
	holders := map[rowKey][]engram.ChunkID{}
	for id, rows := range held {
		here.Add(rows)
		for _, v := range rows {
			holders[v.key()] = append(holders[v.key()], id)
		}
	}
	m.sharing = map[engram.ChunkID]engram.ChunkID{}
	m.covered = map[engram.ChunkID][]engram.ChunkID{}
	for id, rows := range strangers {
		by := map[engram.ChunkID]bool{}
		missing := len(rows) == 0
		for _, v := range rows {
			missing = missing || !here.Has(v)
			for _, holder := range holders[v.key()] {
				m.sharing[holder], by[holder] = id, true
			}
		}
		if !missing {
			m.covered[id] = slices.SortedFunc(maps.Keys(by), engram.ChunkID.Compare)
		}
	}
}

func setOf(ids []engram.ChunkID) map[engram.ChunkID]bool {
	set := make(map[engram.ChunkID]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}

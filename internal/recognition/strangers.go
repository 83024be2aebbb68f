package recognition

import (
	"context"
	"slices"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/work"
)

// recognise finds out what the remote holds in another form than this run would
// send: pushed with other options, by an older rule, or by somebody else. Its chunks
// that are nothing of ours are read once, and recognised by their rows. They are
// not read where everything of ours is listed.
func (m *Match) recognise(ctx context.Context, all []engram.ChunkID) error {
	unlisted, strangers := m.unlisted(all), m.strangers()
	if len(unlisted) == 0 || len(strangers) == 0 {
		return nil
	}
	rows, err := m.readStrangers(ctx, strangers)
	if err != nil {
		return err
	}
	var there RowSet
	for _, versions := range rows {
		there.Add(versions)
	}
	if err := m.addListed(ctx, unlisted, &there); err != nil {
		return err
	}
	supplements, err := m.opts.Projector.Supplement(ctx, unlisted, &there)
	if err != nil {
		return err
	}
	for id, p := range supplements {
		listed := slices.DeleteFunc(slices.Clone(m.Projected[id].Parts), func(part Part) bool { return !m.There.Has(part.ID) })
		p.Supplement, p.Parts = true, append(listed, p.Parts...)
		m.Projected[id] = p
	}
	return m.findCovered(ctx, all, rows)
}

// unlisted are the chunks of which the remote does not list all, or that have rows
// which stay here, and that another run may have sent.
func (m *Match) unlisted(all []engram.ChunkID) []engram.ChunkID {
	return slices.DeleteFunc(slices.Clone(all), func(id engram.ChunkID) bool {
		p := m.Projected[id]
		missing := slices.ContainsFunc(p.Parts, func(part Part) bool { return !m.There.Has(part.ID) })
		return p.Err != nil || !missing && len(p.LeftOut)+p.Personal == 0
	})
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

// readStrangers gives the rows of chunks of the remote. One that cannot be read
// has none, unless it may be read another time.
func (m *Match) readStrangers(ctx context.Context, ids []engram.ChunkID) (map[engram.ChunkID][]Signature, error) {
	rows := map[engram.ChunkID][]Signature{}
	var unread []engram.ChunkID
	for _, id := range ids {
		versions, ok := m.opts.Projector.Known(id)
		if rows[id] = versions; !ok {
			unread = append(unread, id)
		}
	}
	var mu sync.Mutex
	var failed error
	work.Each(unread, strangersAtOnce, nil, func(id engram.ChunkID) {
		versions, err := m.readStranger(ctx, id)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			rows[id] = versions
			m.opts.Projector.Learn(id, versions)
		case ctx.Err() != nil:
			failed = context.Cause(ctx)
		case m.opts.Fatal != nil && m.opts.Fatal(err):
			failed = err
		}
	})
	return rows, failed
}

// addListed adds the rows of the parts that the remote lists, of chunks of which it
// does not list all.
func (m *Match) addListed(ctx context.Context, unlisted []engram.ChunkID, there *RowSet) error {
	for _, id := range unlisted {
		for _, part := range m.Projected[id].Parts {
			if !m.There.Has(part.ID) {
				continue
			}
			versions, ok := m.opts.Projector.Known(part.ID)
			if !ok {
				c, err := m.opts.Projector.OpenPart(ctx, id, part.ID)
				if err == nil {
					versions, err = engram.ReadRows(c, ReadSignatures)
				}
				if err != nil {
					return err
				}
				m.opts.Projector.Learn(part.ID, versions)
			}
			there.Add(versions)
		}
	}
	return nil
}

// strangersAtOnce is how many chunks of the remote are read at the same time.
const strangersAtOnce = 8

func (m *Match) readStranger(ctx context.Context, id engram.ChunkID) (versions []Signature, err error) {
	_, err = m.opts.Remote.ReadChunk(ctx, id, func(c *engram.Chunk) error {
		versions, err = engram.ReadRows(c, ReadSignatures)
		return err
	})
	return versions, err
}

// findCovered finds the strangers all of whose rows are here, and by which chunks:
// to pull those would bring the same rows a second time.
func (m *Match) findCovered(ctx context.Context, all []engram.ChunkID, strangers map[engram.ChunkID][]Signature) error {
	held, err := m.opts.Projector.Rows(ctx, all)
	if err != nil {
		return err
	}
	here := RowSet{Unfilled: true}
	holders := map[engram.RowHash][]engram.ChunkID{}
	for id, versions := range held {
		here.Add(versions)
		for _, v := range versions {
			holders[v.Row] = append(holders[v.Row], id)
		}
	}
	m.sharing = map[engram.ChunkID]engram.ChunkID{}
	m.covered = map[engram.ChunkID][]engram.ChunkID{}
	for id, versions := range strangers {
		for _, v := range versions {
			for _, holder := range holders[v.Row] {
				m.sharing[holder] = id
			}
		}
		missing := slices.ContainsFunc(versions, func(v Signature) bool { return !here.Has(v) })
		if missing || len(versions) == 0 {
			continue
		}
		by := map[engram.ChunkID]bool{}
		for _, v := range versions {
			for _, holder := range holders[v.Row] {
				by[holder] = true
			}
		}
		for holder := range by {
			m.covered[id] = append(m.covered[id], holder)
		}
		slices.SortFunc(m.covered[id], engram.ChunkID.Compare)
	}
	return nil
}

package syncer

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
func (s *Diff) recognise(ctx context.Context, all []engram.ChunkID) error {
	unlisted, strangers := s.unlisted(all), s.strangers()
	if len(unlisted) == 0 || len(strangers) == 0 {
		return nil
	}
	rows, err := s.readStrangers(ctx, strangers)
	if err != nil {
		return err
	}
	var there engram.RowSet
	for _, versions := range rows {
		there.Add(versions)
	}
	if err := s.addListed(ctx, unlisted, &there); err != nil {
		return err
	}
	supplements, err := s.projector.Supplement(ctx, unlisted, &there)
	if err != nil {
		return err
	}
	for id, p := range supplements {
		listed := slices.DeleteFunc(slices.Clone(s.projected[id].Parts), func(part Part) bool { return !s.There.Has(part.ID) })
		p.Supplement, p.Parts = true, append(listed, p.Parts...)
		s.projected[id] = p
	}
	return s.findCovered(ctx, all, rows)
}

// unlisted are the chunks of which the remote does not list all, or that have rows
// which stay here, and that another run may have sent.
func (s *Diff) unlisted(all []engram.ChunkID) []engram.ChunkID {
	return slices.DeleteFunc(slices.Clone(all), func(id engram.ChunkID) bool {
		p := s.projected[id]
		missing := slices.ContainsFunc(p.Parts, func(part Part) bool { return !s.There.Has(part.ID) })
		return p.Err != nil || !missing && len(p.LeftOut)+p.Personal == 0
	})
}

// strangers are the remote's chunks that are neither here nor become of any here.
func (s *Diff) strangers() []engram.ChunkID {
	origins := s.origins()
	var ids []engram.ChunkID
	for _, e := range s.There.Entries() {
		if !s.Here.Names(s.localID(e.ID)) && len(origins[e.ID]) == 0 {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// readStrangers gives the rows of chunks of the remote. One that cannot be read
// has none, unless it may be read another time.
func (s *Diff) readStrangers(ctx context.Context, ids []engram.ChunkID) (map[engram.ChunkID][]engram.RowVersion, error) {
	rows := map[engram.ChunkID][]engram.RowVersion{}
	var unread []engram.ChunkID
	for _, id := range ids {
		versions, ok := s.projector.Known(id)
		if rows[id] = versions; !ok {
			unread = append(unread, id)
		}
	}
	var mu sync.Mutex
	var failed error
	work.Each(unread, strangersAtOnce, nil, func(id engram.ChunkID) {
		versions, err := s.readStranger(ctx, id)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			rows[id] = versions
			s.projector.Learn(id, versions)
		case ctx.Err() != nil:
			failed = context.Cause(ctx)
		case s.fatal != nil && s.fatal(err):
			failed = err
		}
	})
	return rows, failed
}

// addListed adds the rows of the parts that the remote lists, of chunks of which it
// does not list all.
func (s *Diff) addListed(ctx context.Context, unlisted []engram.ChunkID, there *engram.RowSet) error {
	for _, id := range unlisted {
		for _, part := range s.projected[id].Parts {
			if !s.There.Has(part.ID) {
				continue
			}
			versions, ok := s.projector.Known(part.ID)
			if !ok {
				c, err := s.projector.OpenPart(ctx, id, part.ID)
				if err == nil {
					versions, err = engram.ReadRows(c, engram.ReadSignatures)
				}
				if err != nil {
					return err
				}
				s.projector.Learn(part.ID, versions)
			}
			there.Add(versions)
		}
	}
	return nil
}

// strangersAtOnce is how many chunks of the remote are read at the same time.
const strangersAtOnce = 8

func (s *Diff) readStranger(ctx context.Context, id engram.ChunkID) (versions []engram.RowVersion, err error) {
	_, err = s.remote.ReadChunk(ctx, id, func(c *engram.Chunk) error {
		versions, err = engram.ReadRows(c, engram.ReadSignatures)
		return err
	})
	return versions, err
}

// findCovered finds the strangers all of whose rows are here, and by which chunks:
// to pull those would bring the same rows a second time.
func (s *Diff) findCovered(ctx context.Context, all []engram.ChunkID, strangers map[engram.ChunkID][]engram.RowVersion) error {
	held, err := s.projector.Rows(ctx, all)
	if err != nil {
		return err
	}
	var here engram.RowSet
	holders := map[engram.RowHash][]engram.ChunkID{}
	for id, versions := range held {
		here.Add(versions)
		for _, v := range versions {
			holders[v.Row] = append(holders[v.Row], id)
		}
	}
	s.sharing = map[engram.ChunkID]engram.ChunkID{}
	s.covered = map[engram.ChunkID][]engram.ChunkID{}
	for id, versions := range strangers {
		for _, v := range versions {
			for _, holder := range holders[v.Row] {
				s.sharing[holder] = id
			}
		}
		missing := slices.ContainsFunc(versions, func(v engram.RowVersion) bool { return !here.Has(v, false) })
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
			s.covered[id] = append(s.covered[id], holder)
		}
		slices.SortFunc(s.covered[id], engram.ChunkID.Compare)
	}
	return nil
}

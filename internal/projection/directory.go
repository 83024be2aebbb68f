package projection

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// Chunk is what one chunk becomes.
type Chunk struct {
	Parts []Part `json:"parts"`
	// LeftOut are rows that the server would refuse, Filled those that got what
	// it demands.
	LeftOut []Row `json:"left_out,omitempty"`
	Filled  []Row `json:"filled,omitempty"`
	// Personal and Foreign are how many rows stay here for what they are.
	Personal int `json:"personal,omitempty"`
	Foreign  int `json:"foreign,omitempty"`

	Err   error `json:"-"` // the chunk cannot be read
	Waves []int `json:"-"` // when each part can be sent: after those of lower waves
}

// facts are what other chunks need to know of one: it is all that has to be
// read of a chunk that has not changed.
type facts struct {
	// Sessions are those that the chunk brings, with what FillBlanks makes of them.
	Sessions map[string]Session `json:"sessions,omitempty"`
	// References are the sessions that its rows belong to.
	References []string `json:"references,omitempty"`
}

// OpenFunc opens a chunk of the directory. Its content is checked while it is read.
type OpenFunc = func(engram.ChunkID) (*engram.Chunk, error)

// Directory projects the chunks of one directory. It is safe for concurrent use.
type Directory struct {
	opts  Options
	open  OpenFunc
	cache *cache
	limit int // how many chunks are worked on at once

	sessions map[string]Session // set by Chunks
	recent   recent
}

// NewDirectory makes a Directory. What was worked out is kept below cacheDir, by
// chunk id, project, options and canon.Version. At most concurrency chunks are
// in memory at a time.
func NewDirectory(opts Options, open OpenFunc, cacheDir string, concurrency int) *Directory {
	return &Directory{opts: opts, open: open, cache: openCache(cacheDir, opts), limit: max(1, concurrency)}
}

// Chunks gives what each of these chunks becomes. all are the chunks of the
// directory: they tell to which project a session belongs, and whether a server
// can have it. A chunk that cannot be read has that as its error, and the others
// don't see its sessions.
func (d *Directory) Chunks(ctx context.Context, all, ids []engram.ChunkID) (map[engram.ChunkID]Chunk, error) {
	known, bad, err := d.allFacts(ctx, all)
	if err != nil {
		return nil, err
	}
	d.sessions = mergeSessions(all, known)
	out := make(map[engram.ChunkID]Chunk, len(ids))
	var missing []engram.ChunkID
	for _, id := range ids {
		if bad[id] != nil {
			out[id] = Chunk{Err: bad[id]}
			continue
		}
		if c, ok := d.cache.chunk(id, d.context(known[id])); ok {
			out[id] = c
			continue
		}
		missing = append(missing, id)
	}
	made, err := each(ctx, d.limit, missing, func(id engram.ChunkID) Chunk {
		c, err := d.make(id)
		c.Err = err
		return c
	})
	if err != nil {
		return nil, err
	}
	for id, c := range made {
		if out[id] = c; c.Err == nil {
			d.cache.putChunk(id, d.context(known[id]), c)
		}
	}
	d.cache.save()
	order(out)
	return out, nil
}

// each works on several chunks at once.
func each[T any](ctx context.Context, limit int, ids []engram.ChunkID, f func(engram.ChunkID) T) (map[engram.ChunkID]T, error) {
	results := make([]T, len(ids))
	var group errgroup.Group
	group.SetLimit(limit)
	for i, id := range ids {
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			results[i] = f(id)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	out := make(map[engram.ChunkID]T, len(ids))
	for i, id := range ids {
		out[id] = results[i]
	}
	return out, nil
}

// allFacts reads what the chunks say about sessions.
func (d *Directory) allFacts(ctx context.Context, all []engram.ChunkID) (map[engram.ChunkID]facts, map[engram.ChunkID]error, error) {
	known := make(map[engram.ChunkID]facts, len(all))
	bad := map[engram.ChunkID]error{}
	var missing []engram.ChunkID
	for _, id := range all {
		if f, ok := d.cache.facts(id); ok {
			known[id] = f
			continue
		}
		missing = append(missing, id)
	}
	type read struct {
		facts
		err error
	}
	fresh, err := each(ctx, d.limit, missing, func(id engram.ChunkID) read {
		doc, err := d.document(id)
		if err != nil {
			return read{err: err}
		}
		return read{facts: d.opts.factsOf(doc)}
	})
	if err != nil {
		return nil, nil, err
	}
	for id, r := range fresh {
		if r.err != nil {
			bad[id] = r.err
			continue
		}
		known[id] = r.facts
		d.cache.putFacts(id, r.facts)
	}
	return known, bad, nil
}

func (d *Directory) document(id engram.ChunkID) (document, error) {
	c, err := d.open(id)
	if err != nil {
		return document{}, err
	}
	defer func() { _ = c.Close() }() // only read
	data, err := io.ReadAll(c)
	if err != nil {
		return document{}, err
	}
	doc, err := parseDocument(data)
	if err != nil {
		return document{}, &engram.DamageError{ID: id, Reason: "its rows cannot be read", Err: err}
	}
	return doc, nil
}

// factsOf says what a chunk brings and what it refers to.
func (o Options) factsOf(doc document) facts {
	f := facts{Sessions: map[string]Session{}}
	s := selection{document: document{rows: map[string][]row{listSessions: slices.Clone(doc.rows[listSessions])}}}
	if o.FillBlanks {
		s.fill()
	}
	problems, err := canon.Validate(s.assemble(s.rows), o.Project, func(string) bool { return true })
	refused := map[int]bool{}
	for _, p := range problems {
		refused[p.Index] = true
	}
	for i, r := range doc.rows[listSessions] {
		if id := key(r.id); id != "" {
			f.Sessions[id] = Session{Project: canon.NormalizeProject(r.project), Good: err == nil && !refused[i]}
		}
	}
	for _, list := range []string{listObservations, listPrompts, listMutations} {
		for _, r := range doc.rows[list] {
			if id := key(r.session); id != "" {
				f.References = append(f.References, id)
			}
		}
	}
	f.References = unique(f.References)
	return f
}

// mergeSessions takes what all chunks say together: in the order of the chunks,
// a good row wins over a bad one, and a later good one over an earlier.
func mergeSessions(all []engram.ChunkID, known map[engram.ChunkID]facts) map[string]Session {
	sessions := map[string]Session{}
	for _, id := range all {
		for name, s := range known[id].Sessions {
			if old, ok := sessions[name]; !ok || s.Good || !old.Good {
				sessions[name] = s
			}
		}
	}
	return sessions
}

// context is what a chunk's projection depends on outside of the chunk: what
// is known of the sessions that it refers to.
func (d *Directory) context(f facts) string {
	names := slices.Concat(f.References, slices.Collect(maps.Keys(f.Sessions)))
	h := sha256.New()
	for _, name := range unique(names) {
		text, _ := json.Marshal(d.sessions[name]) // plain data
		fmt.Fprintf(h, "%q %s\n", name, text)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// make projects one chunk.
func (d *Directory) make(id engram.ChunkID) (Chunk, error) {
	doc, err := d.document(id)
	if err != nil {
		return Chunk{}, err
	}
	s, err := d.opts.choose(doc, d.sessions)
	if err != nil {
		return Chunk{}, &engram.DamageError{ID: id, Reason: "its rows cannot be read", Err: err}
	}
	c := Chunk{LeftOut: s.leftOut, Filled: s.filled, Personal: s.personal, Foreign: s.foreign}
	c.Parts, err = d.opts.split(s)
	return c, err
}

// OpenPart makes a part anew and gives its content. Chunks was called before.
func (d *Directory) OpenPart(local, part engram.ChunkID) (*engram.Chunk, error) {
	c, err := d.recent.get(local, d.make)
	if err != nil {
		return nil, err
	}
	for _, p := range c.Parts {
		if p.ID == part {
			chunk := engram.NewChunk(part, io.NopCloser(bytes.NewReader(p.text)), int64(len(p.text)))
			chunk.SizeHint = int64(len(p.text))
			return chunk, nil
		}
	}
	return nil, fmt.Errorf("chunk %s: it has changed while it was read: run the command again", local)
}

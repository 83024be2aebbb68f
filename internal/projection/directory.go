package projection

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/panics"
	"github.com/engram-sync/engram-sync/internal/recognition"
)

// OpenFunc opens a chunk of the directory. Its content is checked while it is read.
type OpenFunc = func(engram.ChunkID) (*engram.Chunk, error)

// Directory projects the chunks of one directory. After Chunks it is safe for concurrent
// use.
type Directory struct {
	// Noted hears of the rows of a chunk that is read for the first time, if it is set: who
	// wants to know them later need not read it again. It is called concurrently.
	Noted func(engram.ChunkID, []recognition.Signature)

	// Read hears of the text of such a chunk, and of those that Early reads, likewise. It is only good
	// until Read returns.
	Read func(id engram.ChunkID, text []byte)

	opts  Options
	open  OpenFunc
	cache *cache
	limit int // how many chunks are worked on at once

	sessions map[string]Session                   // set by Chunks
	stubs    map[engram.ChunkID]map[string]string // as well
	memory   *memory

	there       *recognition.RowSet // set by Supplement, as are the chunks that it is about
	supplements map[engram.ChunkID]bool
	making      singleflight.Group

	mu    sync.Mutex
	early map[engram.ChunkID]early
}

// NewDirectory makes a Directory. What was worked out is kept below cacheDir, by
// chunk id, project, options and canon.Version. At most concurrency chunks are
// worked on at a time, and fewer if they are large.
func NewDirectory(opts Options, open OpenFunc, cacheDir string, concurrency int) *Directory {
	return &Directory{
		opts: opts, open: open, cache: openCache(cacheDir, opts), limit: max(1, concurrency),
		memory: newMemory(), early: map[engram.ChunkID]early{},
	}
}

// Untimed are those of these chunks whose memories have no times.
func (d *Directory) Untimed(ctx context.Context, all []engram.ChunkID) ([]engram.ChunkID, error) {
	known, _, err := d.allFacts(ctx, all)
	return slices.DeleteFunc(slices.Clone(all), func(id engram.ChunkID) bool { return !known[id].Untimed }), err
}

// Also are the ids by which servers may know each of these chunks, whole, besides its own.
func (d *Directory) Also(ctx context.Context, all []engram.ChunkID) (map[engram.ChunkID][]engram.ChunkID, error) {
	known, _, err := d.allFacts(ctx, all)
	also := map[engram.ChunkID][]engram.ChunkID{}
	for id, f := range known {
		if len(f.Also) > 0 {
			also[id] = f.Also
		}
	}
	return also, err
}

// OnlyLook is for commands that only look: what is not remembered yet will not be.
func (d *Directory) OnlyLook() { d.cache.fixed = true }

// Chunks gives what each of these chunks becomes. all are the chunks of the
// directory: they tell to which project a session belongs, and whether a server
// can have it. A chunk that cannot be read has that as its error, and the others
// don't see its sessions.
func (d *Directory) Chunks(ctx context.Context, all, ids []engram.ChunkID) (map[engram.ChunkID]recognition.Projection, error) {
	known, bad, err := d.allFacts(ctx, all)
	if err != nil {
		return nil, err
	}
	d.there, d.supplements = nil, nil
	d.sessions = mergeSessions(known)
	d.stubs = d.opts.addStubs(d.sessions, known)
	out := make(map[engram.ChunkID]recognition.Projection, len(ids))
	made := map[engram.ChunkID]recognition.Projection{}
	var missing []engram.ChunkID
	for _, id := range ids {
		if bad[id] != nil {
			out[id] = recognition.Projection{Err: bad[id]}
			continue
		}
		if c, ok := d.cache.chunk(id, d.context(id, known[id])); ok {
			out[id] = c
			continue
		}
		if e, ok := d.known(id); ok {
			made[id] = e.Projection
			continue
		}
		missing = append(missing, id)
	}
	late, err := d.makeAll(ctx, missing)
	if err != nil {
		return nil, err
	}
	maps.Copy(made, late)
	for id, c := range made {
		if out[id] = c; c.Err == nil {
			d.cache.Chunks[id], d.cache.dirty = cacheEntry{Context: d.context(id, known[id]), Projection: c}, true
		}
	}
	d.memory.rest()
	d.cache.save()
	return out, nil
}

// makeAll projects several chunks at once.
func (d *Directory) makeAll(ctx context.Context, ids []engram.ChunkID) (map[engram.ChunkID]recognition.Projection, error) {
	return each(ctx, d.limit, ids, func(id engram.ChunkID) recognition.Projection {
		m, err := d.make(ctx, id, false)
		m.Err = err
		return m.Projection
	})
}

// each works on several chunks at once.
func each[T any](ctx context.Context, limit int, ids []engram.ChunkID, f func(engram.ChunkID) T) (map[engram.ChunkID]T, error) {
	results := make([]T, len(ids))
	var group errgroup.Group
	group.SetLimit(limit)
	for i, id := range ids {
		group.Go(func() error {
			defer panics.Guard()
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
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
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
		if f, ok := d.cache.Facts[id]; ok {
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
		var r read
		r.err = d.withDocument(ctx, id, func(doc document) error {
			r.facts = d.note(doc)
			return nil
		})
		return r
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
		d.cache.Facts[id], d.cache.dirty = r.facts, true
	}
	return known, bad, nil
}

// note is what is to be known of a chunk that is read for the first time.
func (d *Directory) note(doc document) facts {
	if d.Noted != nil {
		d.Noted(doc.id, d.opts.signatures(doc))
	}
	if d.Read != nil {
		d.Read(doc.id, doc.text)
	}
	return d.opts.factsOf(doc)
}

// context is what a chunk's projection depends on outside of the chunk: what
// is known of the sessions that it refers to, and which it has to add.
func (d *Directory) context(id engram.ChunkID, f facts) string {
	h := sha256.New()
	for _, name := range f.names() {
		text, _ := json.Marshal(d.sessions[name]) // plain data
		fmt.Fprintf(h, "%q %s\n", name, text)
	}
	stubs, _ := json.Marshal(d.stubs[id]) // plain data
	h.Write(stubs)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Options are what a projection depends on besides the chunks.
type Options struct {
	// Project is normalised.
	Project string
	// Generation is the server's: it has a canonical form, and demands, of its own.
	// 0 is taken for 1.x.
	Generation engram.Generation
	// Limit is the server's, of a push in bytes; 0 where it has named none.
	Limit int64
	// IncludePersonal sends rows of scope personal too.
	IncludePersonal bool
	// Strict sends only what fits as it is. Otherwise rows are mended: what a server
	// demands and a row lacks is filled, and missing sessions are added.
	Strict bool
}

// form is the canonical form of the server.
func (o Options) form() *canon.Form { return canon.Of(o.Generation) }

// Session is what the chunks of the directory say about a session.
type Session struct {
	Project string `json:"project"` // normalised
	// Good says that a server takes a row of it.
	Good bool `json:"good"`
	// Needed says that rows of our project belong to it, whosever it is.
	Needed bool `json:"needed,omitempty"`
}

package verification

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/engram-sync/engram-sync/internal/chunktext"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/work"
)

// Redaction is how text is taken out of chunks.
type Redaction struct {
	// Find gives what is to go of a text, in order and apart from each other. It is called concurrently.
	Find func(chunktext.Text) []chunktext.Span
	// With stands in its place.
	With string
	// Concurrency is how many chunks are read at once, at least 1. Each is in memory, twice.
	Concurrency int
	DryRun      bool
	// Replaced remembers whose place others took.
	Replaced interface {
		syncer.Replaced
		// TakeOut adds pairs, and the whole texts that stand in the old chunks, and not in the new, by chunk and row.
		TakeOut(pairs map[engram.ChunkID]engram.ChunkID, texts map[engram.ChunkID]map[string][]string) error
	}
	// Report hears what happens.
	Report work.Report
}

// Redacted is a chunk that text was taken out of, or would be.
type Redacted struct {
	ID, By engram.ChunkID // before, and now
	Places []Place
}

// Place is a text that something was taken out of.
type Place struct {
	chunktext.Text
	Spans []chunktext.Span
	// Kept: it names something, as an id does, or tells where a row belongs, so nothing was changed.
	Kept bool
}

// Redact takes text out of all chunks of a directory: each gets the id of its new bytes, and its entry keeps all
// else, and its place. The caller holds the lock. The new files are written first, then the manifest once, and the
// old files go last; a run that is killed leaves files that the next one replaces, too, and one that fails takes back
// the new ones. What cannot be read fails, and
// the rest goes on. done is what was changed also where there is an error.
func Redact(ctx context.Context, dir Repairable, opts Redaction) (done []Redacted, failed []work.Failure, err error) {
	m, err := dir.ReadManifest(ctx)
	if err != nil {
		return nil, nil, err
	}
	files, _, err := dir.Chunks(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range m.Entries() {
		if _, replaced := syncer.ReplacedBy(opts.Replaced, m, e.ID); !replaced && !slices.Contains(files, e.ID) {
			failed = append(failed, work.Failure{ID: e.ID.String(), Err: engram.ErrNoFile})
		}
	}
	var mu sync.Mutex
	opts.Report.Tell(work.Event{Kind: work.EventPlan, Direction: work.Looked, Items: len(files)})
	work.EachFile(files, opts.Concurrency, opts.Report, func(id engram.ChunkID) {
		if ctx.Err() != nil {
			return
		}
		r, err := opts.redact(ctx, dir, id)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil:
			failed = append(failed, work.Failure{ID: id.String(), Err: err})
		case len(r.Places) > 0:
			done = append(done, r)
		}
	})
	slices.SortFunc(done, func(a, b Redacted) int { return a.ID.Compare(b.ID) })
	slices.SortFunc(failed, func(a, b work.Failure) int { return strings.Compare(a.ID, b.ID) })
	if opts.DryRun || ctx.Err() == nil && len(done) == 0 {
		return done, failed, context.Cause(ctx)
	}
	if err := enter(ctx, dir, m, done, opts); err != nil {
		return nil, failed, errors.Join(err, takeBack(context.WithoutCancel(ctx), dir, files, done))
	}
	return done, failed, removeOld(dir, done)
}

// takeBack removes the files that were written, and of which the manifest says nothing: without what is known of
// the old ones they would be adopted beside those.
func takeBack(ctx context.Context, dir Repairable, before []engram.ChunkID, done []Redacted) error {
	m, err := dir.ReadManifest(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range done {
		if r.By == r.ID || slices.Contains(before, r.By) || m.Names(r.By) { // the error may have come behind the writing
			continue
		}
		if err := dir.RemoveChunk(r.By); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// enter has the new chunks in the manifest in the place of the old ones.
func enter(ctx context.Context, dir Repairable, m *engram.Manifest, done []Redacted, opts Redaction) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	to, texts := map[engram.ChunkID]engram.ChunkID{}, map[engram.ChunkID]map[string][]string{}
	for _, r := range done {
		if r.By != r.ID {
			to[r.ID], texts[r.ID] = r.By, r.taken()
		}
	}
	if len(to) == 0 {
		return nil
	}
	next, err := m.Renamed(to)
	if err != nil {
		return err
	}
	// Before the manifest, behind which a killed run leaves nothing else that says it.
	if err := opts.Replaced.TakeOut(to, texts); err != nil || bytes.Equal(m.Bytes(), next.Bytes()) {
		return err
	}
	return dir.ReplaceManifest(ctx, m.Bytes(), next)
}

// taken are the texts, whole, that something was taken out of, by the ids of their rows.
func (r Redacted) taken() map[string][]string {
	texts := map[string][]string{}
	for _, p := range r.Places {
		if !p.Kept && p.Row.ID != "" {
			texts[p.Row.ID] = append(texts[p.Row.ID], p.Value)
		}
	}
	return texts
}

func removeOld(dir Repairable, done []Redacted) error {
	for _, r := range done {
		if r.By == r.ID {
			continue
		}
		if err := dir.RemoveChunk(r.ID); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// redact writes what a chunk becomes. Where nothing is found it has no places.
func (opts Redaction) redact(ctx context.Context, dir syncer.Local, id engram.ChunkID) (Redacted, error) {
	r := Redacted{ID: id, By: id}
	c, err := dir.OpenChunk(id)
	if err != nil {
		return r, err
	}
	text, err := io.ReadAll(c)
	if err = errors.Join(err, c.Close()); err != nil {
		return r, err
	}
	changed, places, err := chunktext.Replace(text, opts.With, func(t chunktext.Text) []chunktext.Span {
		spans := opts.Find(t)
		if len(spans) == 0 {
			return nil
		}
		kept := isName(t.Field)
		r.Places = append(r.Places, Place{t, spans, kept})
		if kept {
			return nil
		}
		return spans
	})
	if err != nil || places == 0 || bytes.Equal(changed, text) {
		return r, err
	}
	r.By = engram.IDOf(sha256.Sum256(changed))
	if opts.DryRun {
		return r, nil
	}
	return r, dir.WriteChunk(ctx, engram.NewChunk(r.By, io.NopCloser(bytes.NewReader(changed)), int64(len(changed))))
}

// isName says of a field that other rows, or other programs, go by it.
func isName(field string) bool {
	field = field[strings.LastIndexByte(field, '.')+1:]
	switch field {
	case "id", "entity_key", "entity", "op", "target_key", "source", "project", "ownership_mode", "type", "scope", "relation", "disposition":
		return true
	}
	return strings.HasSuffix(field, "_id") || strings.HasSuffix(field, "_at")
}

// Package verification finds what is wrong with a chunk directory, or with a remote beside
// it, and repairs what can be. The commands for that call it, and put disks and networks
// behind the interfaces of the syncer, which downloads for a repair.
package verification

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/readers"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/work"
)

// Options are how a verification goes about its work.
type Options struct {
	// Concurrency is how many chunks are read at once, at least 1.
	Concurrency int
	// Only limits it to these chunks; empty means all.
	Only []engram.ChunkID
	// Readers chooses whose import is judged, of those that the directory shows.
	// nil: just these.
	Readers func(seen []engram.Generation) []engram.Generation
	// Memory of what was read before; nil: there is none. It speaks for files that have not
	// changed since, unless Full says to read them too, or Only names them.
	Memory Memory
	Full   bool
	// Replaced remembers whose place others took; nil: nobody does.
	Replaced syncer.Replaced
	// Report hears what happens.
	Report work.Report
}

// wants says whether the verification is about the chunk.
func (o Options) wants(id engram.ChunkID) bool {
	return len(o.Only) == 0 || slices.Contains(o.Only, id)
}

// Finding is something that a verification noticed about one chunk or file.
type Finding struct {
	ID    string // of the chunk, or the name of the file
	Where string // "here" or "remote"
	Err   error
	// Row is the one that it is about, if any: its Reason is empty, Err has that.
	Row *engram.RowNote
	// Reader is what readers of the directory make of it, if that is what is wrong.
	Reader *readers.Finding
	// Harmless: it is worth knowing, and nothing is damaged or lost by it.
	Harmless bool
}

// Report is what a verification found.
type Report struct {
	// Readers are the generations whose import was judged.
	Readers []engram.Generation
	Checked int   // chunks that are good
	Bytes   int64 // of them, uncompressed
	// Remembered are how many of them were read by an earlier run, and are unchanged.
	Remembered int
	Findings   []Finding
}

// What a verification can notice besides damage.
var (
	// ErrAbsent: a chunk of the directory that the remote does not hold, or not all of it.
	ErrAbsent = errors.New("it is here, and not on the remote")
	// ErrOrphan: a chunk file that the manifest does not name.
	ErrOrphan = errors.New("no manifest entry names this file: run `engram-sync verify --repair` to adopt it")
	// ErrStray: a file that engram would never write there.
	ErrStray = errors.New("it does not belong there")
	// ErrBlank: a row lacks what project servers demand.
	ErrBlank = errors.New("is blank: a push to a project server fills it where that invents nothing")
)

// CountsError says that the entry of a chunk has other numbers than the chunk.
type CountsError struct {
	Entry    engram.ChunkEntry
	Contents engram.Contents
}

func (e *CountsError) Error() string {
	return fmt.Sprintf("the manifest counts other rows: %d sessions, %d memories, %d prompts in place of %d, %d, %d: run `engram-sync verify --repair` to correct it",
		e.Entry.Sessions, e.Entry.Memories, e.Entry.Prompts, e.Contents.Sessions, e.Contents.Memories, e.Contents.Prompts)
}

// right is the entry with the numbers of the chunk.
func (e *CountsError) right() engram.ChunkEntry {
	right := e.Entry
	right.Sessions, right.Memories, right.Prompts = e.Contents.Sessions, e.Contents.Memories, e.Contents.Prompts
	return right
}

// Verify reads every chunk of the directory and checks it against its id and
// its entry, and the directory against itself.
func Verify(ctx context.Context, local syncer.Local, opts Options) (Report, error) {
	m, err := local.ReadManifest(ctx)
	if err != nil {
		return Report{}, err
	}
	files, strays, err := local.Chunks(ctx)
	if err != nil {
		return Report{}, err
	}
	v := verifier{opts: opts, key: keyOf(opts.Memory), shown: engram.Gen1, chunks: map[engram.ChunkID]*readers.Chunk{}, firsts: map[uint64][]engram.ChunkID{}}
	for _, s := range strays {
		v.note(Finding{ID: s.Name, Where: "here", Err: fmt.Errorf("%w: %s", ErrStray, s.Reason), Harmless: true})
	}
	if len(opts.Only) == 0 {
		for _, r := range m.Rejected() {
			v.note(Finding{ID: syncer.ForeignName(r), Where: "here", Err: syncer.ForeignError(r)})
		}
	}
	ids := slices.Clone(files)
	for _, e := range m.Entries() {
		ids = append(ids, e.ID)
	}
	slices.SortFunc(ids, engram.ChunkID.Compare)
	ids = slices.Compact(ids)
	v.each(ctx, work.EachFile, "here", ids, func(id engram.ChunkID) (int64, error) { return v.local(local, m, id) })
	if opts.Memory != nil {
		opts.Memory.End(files)
	}
	v.judgeRestored(local, m)
	v.judgeReaders(m, files)
	v.judgeVersion(m)
	return v.result(), ctx.Err()
}

// VerifyRemote downloads every chunk of the remote and checks it against its
// id, without keeping it. What is here and not there is worth a finding, too: whoever
// asks wants to know whether the other side holds all.
func VerifyRemote(ctx context.Context, s *syncer.Diff, opts Options) (Report, error) {
	v := verifier{opts: opts}
	for _, r := range s.Rejected {
		v.note(Finding{ID: r.ID, Where: "remote", Err: r.Err})
	}
	for _, id := range s.Absent() {
		if opts.wants(id) {
			v.note(Finding{ID: id.String(), Where: "remote", Err: ErrAbsent})
		}
	}
	ids := make([]engram.ChunkID, 0, len(s.There.Entries()))
	for _, e := range s.There.Entries() {
		ids = append(ids, e.ID)
	}
	v.each(ctx, work.Each, "remote", ids, func(id engram.ChunkID) (int64, error) {
		size, err := s.CompareBytes(ctx, id, opts.Report)
		if _, reduced := errors.AsType[*engram.ReducedError](err); reduced && s.Holds(s.LocalID(id)) {
			v.note(Finding{ID: id.String(), Where: "remote", Err: err, Harmless: true}) // what was left of it is here, or all of it
			return size, nil
		}
		return size, err
	})
	return v.result(), ctx.Err()
}

type verifier struct {
	opts Options

	key     readers.Key
	mu      sync.Mutex
	report  Report
	shown   engram.Generation                 // by the members of all chunks
	chunks  map[engram.ChunkID]*readers.Chunk // what could be read
	firsts  map[uint64][]engram.ChunkID       // good ones, by their first memories
	untimed []engram.ChunkID                  // good ones whose memories have no times
}

// each reads chunks to their end, and notes why one cannot be.
func (v *verifier) each(
	ctx context.Context, all func([]engram.ChunkID, int, work.Report, func(engram.ChunkID)), where string, ids []engram.ChunkID,
	read func(engram.ChunkID) (size int64, err error),
) {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id engram.ChunkID) bool { return !v.opts.wants(id) })
	v.opts.Report.Tell(work.Event{Kind: work.EventPlan, Items: len(ids)})
	all(ids, v.opts.Concurrency, v.opts.Report, func(id engram.ChunkID) {
		if ctx.Err() != nil {
			return
		}
		size, err := read(id)
		if err != nil {
			if !errors.Is(err, errNoted) {
				v.note(Finding{ID: id.String(), Where: where, Err: err})
			}
			return
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		v.report.Checked++
		v.report.Bytes += size
	})
}

// local checks one chunk of the directory.
func (v *verifier) local(local syncer.Local, m *engram.Manifest, id engram.ChunkID) (int64, error) {
	e, listed := m.Entry(id)
	r, stamp, remembered := v.recall(id)
	var err error
	if !remembered {
		r, err = v.read(local, id)
		v.keep(id, r, stamp, err)
	}
	switch {
	case listed && errors.Is(err, fs.ErrNotExist):
		if by, ok := syncer.ReplacedBy(v.opts.Replaced, m, id); ok {
			v.note(Finding{ID: id.String(), Where: "here", Err: &syncer.ReplacedError{ID: id, By: by, Listed: true}, Harmless: true})
			return 0, errNoted
		}
		return 0, engram.ErrNoFile
	case err != nil:
		return 0, err
	case !listed && m.Names(id): // by an entry that is not engram's, which was noted
	case !listed:
		v.note(Finding{ID: id.String(), Where: "here", Err: v.unlisted(m, id), Harmless: true})
	case !fits(e, r.chunk.Contents):
		v.note(Finding{ID: id.String(), Where: "here", Harmless: true, Err: &CountsError{Entry: e, Contents: r.chunk.Contents}})
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if remembered {
		v.chunks[id] = r.chunk
		v.report.Remembered++
	}
	v.shown = max(v.shown, r.chunk.Generation)
	v.firsts[r.chunk.First] = append(v.firsts[r.chunk.First], id)
	if r.chunk.Untimed() {
		v.untimed = append(v.untimed, id)
	}
	return r.size, nil
}

// errNoted: a chunk was not read, and why is noted.
var errNoted = errors.New("noted")

func (v *verifier) note(f Finding) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.report.Findings = append(v.report.Findings, f)
}

// result has the findings in an order that does not depend on the workers.
func (v *verifier) result() Report {
	slices.SortStableFunc(v.report.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Where, b.Where), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Err.Error(), b.Err.Error()), compareRows(a.Row, b.Row))
	})
	return v.report
}

func compareRows(a, b *engram.RowNote) int {
	if a == nil || b == nil {
		return 0
	}
	return cmp.Or(cmp.Compare(a.List, b.List), cmp.Compare(a.Index, b.Index), cmp.Compare(a.Field, b.Field))
}

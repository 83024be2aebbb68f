package syncer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/work"
)

// Finding is something that a verification noticed about one chunk or file.
type Finding struct {
	ID    string // of the chunk, or the name of the file
	Where string // "here" or "remote"
	Err   error
	// Row is the one that it is about, if any: its Reason is empty, Err has that.
	Row *engram.RowNote
	// Harmless: it is worth knowing, and nothing is damaged or lost by it.
	Harmless bool
}

// Report is what a verification found.
type Report struct {
	Checked  int   // chunks that were read to their end
	Bytes    int64 // of them, uncompressed
	Findings []Finding
}

// What a verification can notice besides damage.
var (
	// ErrAbsent: a chunk of the directory that the remote does not hold, or not all of it.
	ErrAbsent = errors.New("it is here, and not on the remote")
	// ErrOrphan: a chunk file that the manifest does not name.
	ErrOrphan = errors.New("no manifest entry names this file: run `engram-sync verify --repair` to adopt it")
	// ErrStray: a file that engram would never write there.
	ErrStray = errors.New("it does not belong there")
	// ErrNoSession: rows whose session is in no chunk.
	ErrNoSession = errors.New("names a session that no chunk holds: a push adds it; `engram sync` of a release of today refuses the row")
	// ErrNoEnd: a relation whose end is in no chunk.
	ErrNoEnd = errors.New("names a memory that no chunk holds: the relation waits for it")
	// ErrBlank: a row lacks what project servers and today's engram demand.
	ErrBlank = errors.New("is blank: a push to a project server fills it where that invents nothing; `engram sync` of a release of today may refuse the row")
	// ErrNoName: several rows have no identity.
	ErrNoName = errors.New("is blank, as in other rows: engram takes all of these for one, and imports one of them")
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
func Verify(ctx context.Context, local Local, opts Options) (Report, error) {
	m, err := local.ReadManifest(ctx)
	if err != nil {
		return Report{}, err
	}
	files, strays, err := local.Chunks(ctx)
	if err != nil {
		return Report{}, err
	}
	v := verifier{opts: opts, shown: engram.Gen1, sessions: map[string]bool{}, references: map[string]rowPlace{}, memories: map[string]bool{}, ends: map[string]rowPlace{}}
	for _, s := range strays {
		v.note(Finding{ID: s.Name, Where: "here", Err: fmt.Errorf("%w: %s", ErrStray, s.Reason), Harmless: true})
	}
	if len(opts.Only) == 0 {
		for _, r := range m.Rejected() {
			v.note(Finding{ID: ForeignName(r), Where: "here", Err: foreignError(r)})
		}
	}
	ids, have := slices.Clone(files), setOf(files)
	for _, e := range m.Entries() {
		if !have[e.ID] {
			ids = append(ids, e.ID)
		}
	}
	v.each(ctx, "here", ids, func(id engram.ChunkID) (int64, error) { return v.local(local, m, id) })
	v.judgeRestored(local, m)
	v.judgeSessions()
	v.judgeVersion(m)
	return v.result(), ctx.Err()
}

// VerifyRemote downloads every chunk of the remote and checks it against its
// id, without keeping it. What is here and not there is worth a finding, too: whoever
// asks wants to know whether the other side holds all.
func VerifyRemote(ctx context.Context, s *Diff, opts Options) (Report, error) {
	v := verifier{opts: opts}
	for _, r := range s.Rejected {
		v.note(Finding{ID: r.ID, Where: "remote", Err: r.Err})
	}
	for _, id := range s.absent() {
		if opts.wants(id) {
			v.note(Finding{ID: id.String(), Where: "remote", Err: ErrAbsent})
		}
	}
	ids := make([]engram.ChunkID, 0, len(s.There.Entries()))
	for _, e := range s.There.Entries() {
		ids = append(ids, e.ID)
	}
	v.each(ctx, "remote", ids, func(id engram.ChunkID) (int64, error) {
		size, err := s.compareBytes(ctx, id, opts.Report)
		if _, reduced := errors.AsType[*engram.ReducedError](err); reduced && s.Holds(s.LocalID(id)) {
			v.note(Finding{ID: id.String(), Where: "remote", Err: err, Harmless: true}) // what was left of it is here, or all of it
			return size, nil
		}
		return size, err
	})
	return v.result(), ctx.Err()
}

// compareBytes reads a chunk of the remote, and where it is here under the same id,
// the one here as well: ids have 32 bits.
func (s *Diff) compareBytes(ctx context.Context, id engram.ChunkID, report work.Report) (int64, error) {
	theirs, size, err := s.readThere(ctx, id, report)
	if err != nil || s.asked.Projector != nil || !s.Holds(id) {
		return size, err
	}
	if mine, err := sumOf(s.local, id); err == nil && mine != theirs { // damage here is told as that
		return size, ErrOtherBytes
	}
	return size, nil
}

// readThere reads a chunk of the remote to its end.
func (s *Diff) readThere(ctx context.Context, id engram.ChunkID, report work.Report) (sum [32]byte, size int64, err error) {
	_, err = s.remote.ReadChunk(ctx, id, func(c *engram.Chunk) error {
		report.Watch(c)
		_, err := io.Copy(io.Discard, c)
		size, sum = c.Size(), c.Sum()
		return err
	})
	return sum, size, err
}

type verifier struct {
	opts Options

	mu         sync.Mutex
	report     Report
	shown      engram.Generation   // by the members of all chunks
	sessions   map[string]bool     // that some chunk holds
	references map[string]rowPlace // session to the first row that refers to it
	memories   map[string]bool     // that some chunk holds, by sync_id
	ends       map[string]rowPlace // memory to the first relation that names it
	good       []engram.ChunkID
	untimed    []engram.ChunkID // good ones whose memories have no times
}

// each reads chunks to their end, and notes why one cannot be.
func (v *verifier) each(ctx context.Context, where string, ids []engram.ChunkID, read func(engram.ChunkID) (size int64, err error)) {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id engram.ChunkID) bool { return !v.opts.wants(id) })
	v.opts.Report.Tell(work.Event{Kind: work.EventPlan, Items: len(ids)})
	work.Each(ids, v.opts.Concurrency, v.opts.Report, func(id engram.ChunkID) {
		if ctx.Err() != nil {
			return
		}
		size, err := read(id)
		if err != nil {
			v.note(Finding{ID: id.String(), Where: where, Err: err})
			return
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		v.report.Checked++
		v.report.Bytes += size
	})
}

// local checks one chunk of the directory.
func (v *verifier) local(local Local, m *engram.Manifest, id engram.ChunkID) (int64, error) {
	e, listed := m.Entry(id)
	contents, size, err := readFile(local, id, v.opts.Report)
	switch {
	case listed && errors.Is(err, fs.ErrNotExist):
		return 0, engram.ErrNoFile
	case err != nil:
		return 0, err
	case !listed && m.Names(id): // by an entry that is not engram's, which was noted
	case !listed:
		v.note(Finding{ID: id.String(), Where: "here", Err: ErrOrphan, Harmless: true})
	case !fits(e, contents):
		v.note(Finding{ID: id.String(), Where: "here", Harmless: true, Err: &CountsError{Entry: e, Contents: contents}})
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.good = append(v.good, id)
	v.shown = max(v.shown, contents.Generation)
	if contents.Untimed() {
		v.untimed = append(v.untimed, id)
	}
	for session := range contents.SessionIDs {
		v.sessions[session] = true
	}
	for memory := range contents.SyncIDs {
		v.memories[memory] = true
	}
	first(v.references, id, contents.References)
	first(v.ends, id, contents.Ends)
	unnamed := slices.DeleteFunc(slices.Clone(contents.Blank), func(n engram.RowNote) bool { return n.Field != "sync_id" })
	for _, n := range contents.Blank {
		f := Finding{ID: id.String(), Where: "here", Err: ErrBlank, Row: &n, Harmless: true}
		if n.Field == "sync_id" && len(unnamed) > 1 {
			f.Err = ErrNoName
		}
		v.report.Findings = append(v.report.Findings, f)
	}
	return size, nil
}

// rowPlace is a row of a chunk.
type rowPlace struct {
	chunk engram.ChunkID
	engram.RowNote
}

// first keeps of what rows name the one that comes first, whichever worker read it.
func first(kept map[string]rowPlace, id engram.ChunkID, named map[string]engram.RowNote) {
	for name, row := range named {
		if before, ok := kept[name]; !ok || id.Compare(before.chunk) < 0 {
			kept[name] = rowPlace{id, row}
		}
	}
}

// judgeSessions runs after all chunks were read: a session may lie in another
// chunk than the rows that belong to it.
func (v *verifier) judgeSessions() {
	unread := slices.ContainsFunc(v.report.Findings, func(f Finding) bool { return !f.Harmless && !errors.Is(f.Err, ErrForeign) })
	if len(v.opts.Only) > 0 || unread {
		return // the session may lie in what was not read
	}
	v.missing(v.references, v.sessions, ErrNoSession)
	v.missing(v.ends, v.memories, ErrNoEnd)
}

// missing notes the rows that name what no chunk holds.
func (v *verifier) missing(named map[string]rowPlace, held map[string]bool, why error) {
	for name, row := range named {
		if !held[name] {
			v.note(Finding{ID: row.chunk.String(), Where: "here", Err: why, Row: &row.RowNote, Harmless: true})
		}
	}
}

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

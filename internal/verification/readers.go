package verification

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/readers"
	"github.com/engram-sync/engram-sync/internal/syncer"
)

// read reads a chunk as its readers see it. What was read counts for them also where the
// bytes do not fit the id: readers don't ask.
func (v *verifier) read(local syncer.Local, id engram.ChunkID) (r reading, err error) {
	c, err := local.OpenChunk(id)
	if err != nil {
		return r, err
	}
	defer func() { _ = c.Close() }() // only read
	v.opts.Report.Watch(c)
	r.chunk, err = engram.ReadRows(c, func(text io.Reader) (*readers.Chunk, error) { return readers.Read(text, v.key) })
	r.size = c.Size()
	if _, other := errors.AsType[*engram.MismatchError](err); err == nil || other {
		v.mu.Lock()
		v.chunks[id] = r.chunk
		v.mu.Unlock()
	}
	return r, err
}

// judgeReaders notes what readers make of the directory, after all chunks were read.
// files that no entry names come last, as they would if they were adopted.
func (v *verifier) judgeReaders(m *engram.Manifest, files []engram.ChunkID) {
	d := readers.Directory{Version: m.Version()}
	failed, unread := v.failures(), false
	add := func(id engram.ChunkID) {
		l := readers.Listed{ID: id, Chunk: v.chunks[id]}
		if at, bad := failed[id.String()]; l.Chunk == nil {
			if !bad {
				return // nobody misses it
			}
			unread = true
			l.Broken = !errors.Is(v.report.Findings[at].Err, engram.ErrNoFile)
		}
		d.Chunks = append(d.Chunks, l)
	}
	for _, e := range m.Entries() {
		add(e.ID)
	}
	for _, id := range files {
		if v.chunks[id] != nil && !m.Has(id) {
			add(id)
		}
	}
	v.report.Readers = readers.Seen(d)
	if v.opts.Readers != nil {
		v.report.Readers = v.opts.Readers(v.report.Readers)
	}
	told := map[rowPlace]*readers.Finding{}
	if len(v.opts.Only) == 0 { // else the rest was not read
		for _, f := range readers.Judge(d, v.report.Readers...) {
			if at, bad := failed[f.Chunk.String()]; bad && f.Row == nil {
				v.report.Findings[at].Reader = &f
				continue
			}
			v.reader(f, told, unread)
		}
	}
	for _, l := range d.Chunks {
		if l.Chunk != nil {
			v.blanks(l, told)
		}
	}
}

// reader notes one of the findings: in told if it is a blank of a row, which is told
// in any case.
func (v *verifier) reader(f readers.Finding, told map[rowPlace]*readers.Finding, unread bool) {
	switch {
	case isBlank(f):
		told[rowPlace{f.Chunk, *f.Row}] = &f
	case unread && slices.Contains([]readers.Problem{readers.NoSession, readers.NoEnd, readers.Waits, readers.Deleted, readers.Older}, f.Problem):
		// what is missing, or what came later, may lie in what could not be read
	default:
		id := f.Chunk.String()
		if f.Chunk.IsZero() {
			id = manifestFile
		}
		v.note(Finding{ID: id, Where: "here", Err: readerError(f), Row: f.Row, Reader: &f, Harmless: true})
	}
}

// isBlank says whether a finding is about a blank that project servers mind as well.
func isBlank(f readers.Finding) bool {
	return f.Row != nil && f.Row.List != "mutations" && (f.Problem == readers.BlankDirectory || f.Problem == readers.Nameless)
}

func readerError(f readers.Finding) error {
	return fmt.Errorf("%s: %s: %s", f.Problem.Text(), f.Effects, f.Problem.Remedy())
}

// rowPlace is a member of a row of a chunk.
type rowPlace struct {
	chunk engram.ChunkID
	engram.RowNote
}

// blanks notes what rows of a chunk lack.
func (v *verifier) blanks(l readers.Listed, told map[rowPlace]*readers.Finding) {
	for _, n := range l.Chunk.Blank {
		n.Reason = ""
		f := Finding{ID: l.ID.String(), Where: "here", Err: ErrBlank, Row: &n, Harmless: true}
		if r := told[rowPlace{l.ID, n}]; r != nil {
			f.Reader = r
			f.Err = fmt.Errorf("%w; %s: %s", ErrBlank, r.Effects, r.Problem.Remedy())
		} else if n.Field == "directory" && !slices.Contains(v.report.Readers, engram.Gen2) {
			f.Err = fmt.Errorf("%w; engram 2.x would not take it", ErrBlank)
		}
		v.note(f)
	}
}

// failures are the findings about chunks that are bad or missing here.
func (v *verifier) failures() map[string]int {
	failed := map[string]int{}
	for i, f := range v.report.Findings {
		if f.Where == "here" && !f.Harmless {
			failed[f.ID] = i
		}
	}
	return failed
}

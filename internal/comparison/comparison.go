// Package comparison reads of two states of the same chunks what has to be read to say which memories differ. The command
// diff calls it, and says what the states are.
package comparison

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/engram-sync/engram-sync/internal/difference"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/panics"
	"github.com/engram-sync/engram-sync/internal/rowtime"
	"github.com/engram-sync/engram-sync/internal/work"
)

// Place is what a state is read from. Rows is called by several goroutines at once; it may give rows and say at the same time what
// is wrong with them.
type Place interface {
	// Chunks are all, in the order of the manifest.
	Chunks(ctx context.Context) ([]memoryindex.Chunk, error)
	Rows(ctx context.Context, id engram.ChunkID) ([]history.Row, error)
}

// Side is one of two states.
type Side struct {
	Name string
	Place
	Cost   int  // orders places by what it takes to read a chunk
	Remote bool // its chunks have what their ids say
}

// Sides are two states while they are compared.
type Sides struct {
	Of     [2]Side
	Chunks [2][]memoryindex.Chunk
	Said   [2]difference.State
	Failed []work.Failure // by their ids

	mu sync.Mutex
}

// Options are how chunks are read.
type Options struct {
	AtOnce int
	Report work.Report
	// Same says of chunks of both sides, by their places in Chunks, that their files have the same bytes. nil: of none.
	Same func(i, j int) bool
	// Indexed says of a chunk that both sides have what its id says, and that Index knows it. nil: of none.
	Indexed func(id engram.ChunkID) bool
	Index   Index
}

// Index knows what is said in chunks that need not be read.
type Index interface {
	// Mentioning are the chunks that say something of any of these.
	Mentioning(ctx context.Context, of []history.Identity) (map[engram.ChunkID]bool, error)
	// Tied are those of whose versions the order of chunks, or their times, may say which is the newest.
	Tied(ctx context.Context) ([]history.Identity, error)
}

// reading is a chunk that has to be read for one side, or for both: then it says the same for both.
type reading struct {
	id   engram.ChunkID
	at   [2]int // in the chunks of each side, -1 where it has none
	same bool   // both have the same bytes
}

// List lists the chunks of two states.
func List(ctx context.Context, a, b Side) (*Sides, error) {
	s := &Sides{Of: [2]Side{a, b}}
	for i := range s.Of {
		var err error
		if s.Chunks[i], err = s.Of[i].Chunks(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Equal says that both sides have the same chunks, with the same bytes, in the same order: then nothing has to be read.
func (s *Sides) Equal(same func(i, j int) bool) bool { return s.plan(same) == nil }

// Forget forgets what was read.
func (s *Sides) Forget() { s.Said, s.Failed = [2]difference.State{}, nil }

// Common is how many chunks both sides have.
func (s *Sides) Common() (n int) {
	in := make(map[engram.ChunkID]bool, len(s.Chunks[0]))
	for _, c := range s.Chunks[0] {
		in[c.ID] = true
	}
	for _, c := range s.Chunks[1] {
		if in[c.ID] {
			n++
		}
	}
	return n
}

// Read reads what has to be read. Where both sides have the same bytes they are read once, and not at all where they have
// nothing else. Of what an index knows, only that is read which says something of what differs.
func (s *Sides) Read(ctx context.Context, opts Options) error {
	plan := s.plan(opts.Same)
	if plan == nil {
		return nil
	}
	var known []reading
	if opts.Indexed != nil {
		rest := make([]reading, 0, len(plan))
		for _, r := range plan {
			if r.at[0] >= 0 && r.at[1] >= 0 && !r.id.IsZero() && opts.Indexed(r.id) {
				r.same = true
				known = append(known, r)
			} else {
				rest = append(rest, r)
			}
		}
		plan = rest
	}
	if err := s.readAll(ctx, plan, opts); err != nil {
		return err
	}
	if len(known) > 0 {
		wanted, err := s.mentioning(ctx, known, opts.Index)
		if err != nil {
			return err
		}
		known = slices.DeleteFunc(known, func(r reading) bool { return !wanted[r.id] })
		if err := s.readAll(ctx, known, opts); err != nil {
			return err
		}
	}
	slices.SortStableFunc(s.Failed, func(x, y work.Failure) int { return strings.Compare(x.ID, y.ID) })
	return nil
}

// mentioning are the chunks that both sides have, and that have to be read all the same: those which say something of what
// was read. All other memories are in these chunks alone, and so the same on both sides, unless the chunks
// stand in another order, or have other times, and that decides.
func (s *Sides) mentioning(ctx context.Context, known []reading, index Index) (map[engram.ChunkID]bool, error) {
	var of []history.Identity
	for i := range s.Said {
		of = slices.AppendSeq(of, s.Said[i].Identities())
	}
	if !s.inOrder(known) {
		tied, err := index.Tied(ctx)
		if err != nil {
			return nil, err
		}
		of = append(of, tied...)
	}
	return index.Mentioning(ctx, of)
}

// inOrder says that chunks stand in one order on both sides, with the same times.
func (s *Sides) inOrder(known []reading) bool {
	last := -1
	for _, r := range known { // in the order of the first
		a, b := s.Chunks[0][r.at[0]], s.Chunks[1][r.at[1]]
		if r.at[1] < last || rowtime.Instant(a.CreatedAt) != rowtime.Instant(b.CreatedAt) {
			return false
		}
		last = r.at[1]
	}
	return true
}

func (s *Sides) readAll(ctx context.Context, plan []reading, opts Options) error {
	if len(plan) == 0 {
		return nil
	}
	opts.Report.Tell(work.Event{Kind: work.EventPlan, Items: len(plan), Direction: work.Looked})
	var group errgroup.Group
	group.SetLimit(max(1, opts.AtOnce))
	for _, r := range plan {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			defer panics.Guard()
			s.read(ctx, r)
			opts.Report.Tell(work.Event{Kind: work.EventDone})
			return nil
		})
	}
	_ = group.Wait() // what failed is with the failures
	return context.Cause(ctx)
}

// plan says what has to be read; nothing where both sides have the same chunks in the same order.
func (s *Sides) plan(same func(i, j int) bool) []reading {
	var plan []reading
	at := map[engram.ChunkID]int{}
	for i, c := range s.Chunks[1] {
		at[c.ID] = i
	}
	equal := len(s.Chunks[0]) == len(s.Chunks[1])
	for i, c := range s.Chunks[0] {
		r := reading{id: c.ID, at: [2]int{i, -1}}
		if j, both := at[c.ID]; both && !c.ID.IsZero() {
			r.at[1], r.same = j, same != nil && same(i, j)
			delete(at, c.ID)
		}
		equal = equal && r.same && r.at[1] == i
		plan = append(plan, r)
	}
	if equal {
		return nil
	}
	for i, c := range s.Chunks[1] {
		if _, left := at[c.ID]; left {
			plan = append(plan, reading{id: c.ID, at: [2]int{-1, i}})
		}
	}
	return plan
}

// read reads one chunk, for all sides that have it.
func (s *Sides) read(ctx context.Context, r reading) {
	first, second := 0, 1
	if r.at[0] < 0 || r.at[1] >= 0 && s.Of[1].Cost < s.Of[0].Cost {
		first, second = 1, 0
	}
	rows, err := s.rows(ctx, first, r.at[first])
	shared := r.same || err == nil && (s.Of[0].Remote || s.Of[1].Remote) // an id has one content there
	s.take(first, r, rows, err)
	switch {
	case r.at[second] < 0:
	case shared:
		s.take(second, r, rows, nil)
	default:
		rows, err := s.rows(ctx, second, r.at[second])
		s.take(second, r, rows, err)
	}
}

func (s *Sides) rows(ctx context.Context, side, at int) ([]history.Row, error) {
	c := s.Chunks[side][at]
	if c.Err != nil && !Readable(c.Err) {
		return nil, c.Err
	}
	rows, err := s.Of[side].Rows(ctx, c.ID)
	if errors.Is(err, fs.ErrNotExist) {
		err = engram.ErrNoFile
	}
	return rows, err
}

func (s *Sides) take(side int, r reading, rows []history.Row, err error) {
	c := s.Chunks[side][r.at[side]]
	if err != nil {
		s.mu.Lock()
		s.Failed = append(s.Failed, work.Failure{ID: c.ID.String(), Err: fmt.Errorf("%s: %w", s.Of[side].Name, err)})
		s.mu.Unlock()
	}
	if Readable(err) {
		s.Said[side].Add(r.at[side], rowtime.Instant(c.CreatedAt), rows)
	}
}

// Readable says that what was read is worth something, whatever is wrong with it.
func Readable(err error) bool {
	_, edited := errors.AsType[*engram.MismatchError](err)
	return err == nil || edited
}

// Load reads the rows that changes are about, each chunk once: of each side those of edited memories.
func (s *Sides) Load(ctx context.Context, changes []difference.Change) (rows [2]map[history.Identity]*history.Row, err error) {
	for side := range s.Of {
		rows[side] = map[history.Identity]*history.Row{}
		wanted := map[int][]*difference.Memory{}
		for _, c := range changes {
			if c.Kind == difference.Edited {
				m := [2]*difference.Memory{c.Before, c.After}[side]
				wanted[m.Chunk] = append(wanted[m.Chunk], m)
			}
		}
		for at, memories := range wanted {
			read, err := s.rows(ctx, side, at)
			if !Readable(err) {
				return rows, err
			}
			for _, m := range memories {
				if m.Order >= len(read) || read[m.Order].Of() != m.Identity {
					return rows, fmt.Errorf("%s has changed meanwhile: run the same command again", s.Of[side].Name)
				}
				row := read[m.Order]
				rows[side][m.Identity] = &row
			}
		}
	}
	return rows, nil
}

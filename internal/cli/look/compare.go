package look

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/difference"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/panics"
	"github.com/engram-sync/engram-sync/internal/work"
)

// sides are two states while they are compared.
type sides struct {
	of     [2]state
	chunks [2][]memoryindex.Chunk
	said   [2]difference.State

	mu     sync.Mutex
	failed []work.Failure
}

// reading is a chunk that has to be read for one side, or for both: then it says the same for both.
type reading struct {
	id   engram.ChunkID
	at   [2]int // in the chunks of each side, -1 where it has none
	same bool   // both have the same bytes
}

// compare reads what has to be read of two states. Where both have the same bytes they are read once, and not at all where they have
// nothing else.
func (d *differ) compare(ctx context.Context, a, b state) (*sides, error) {
	s := &sides{of: [2]state{a, b}}
	for i := range s.of {
		var err error
		if s.chunks[i], err = s.of[i].Chunks(ctx); err != nil {
			return nil, err
		}
	}
	plan, err := s.plan(ctx)
	if err != nil || plan == nil {
		return s, err
	}
	report, stop := command.Progress(d.term, "chunk")
	defer stop()
	told := work.Report(report)
	told.Tell(work.Event{Kind: work.EventPlan, Items: len(plan), Direction: work.Looked})
	var group errgroup.Group
	atOnce := runtime.GOMAXPROCS(0)
	if a.Kind == theRemote || b.Kind == theRemote {
		atOnce = d.ws.Config.Concurrency
	}
	group.SetLimit(max(1, atOnce))
	for _, r := range plan {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			defer panics.Guard()
			s.read(ctx, r)
			told.Tell(work.Event{Kind: work.EventDone})
			return nil
		})
	}
	_ = group.Wait() // what failed is with the failures
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	slices.SortStableFunc(s.failed, func(x, y work.Failure) int { return strings.Compare(x.ID, y.ID) })
	return s, nil
}

// plan says what has to be read; nothing where both sides have the same chunks in the same order.
func (s *sides) plan(ctx context.Context) ([]reading, error) {
	same, err := s.sameBytes(ctx)
	if err != nil {
		return nil, err
	}
	var plan []reading
	at := map[engram.ChunkID]int{}
	for i, c := range s.chunks[1] {
		at[c.ID] = i
	}
	equal := len(s.chunks[0]) == len(s.chunks[1])
	for i, c := range s.chunks[0] {
		r := reading{id: c.ID, at: [2]int{i, -1}}
		if j, both := at[c.ID]; both && !c.ID.IsZero() {
			r.at[1], r.same = j, same(i, j)
			delete(at, c.ID)
		}
		equal = equal && r.same && r.at[1] == i
		plan = append(plan, r)
	}
	if equal {
		return nil, nil
	}
	for i, c := range s.chunks[1] {
		if _, left := at[c.ID]; left {
			plan = append(plan, reading{id: c.ID, at: [2]int{-1, i}})
		}
	}
	return plan, nil
}

// sameBytes says of a chunk that both sides have whether its file has the same bytes, without reading it. What nobody knows is
// no.
func (s *sides) sameBytes(ctx context.Context) (func(i, j int) bool, error) {
	revisions := [2]*revision{}
	for i := range revisions {
		revisions[i], _ = s.of[i].place.(*revision)
	}
	if revisions[0] != nil && revisions[1] != nil {
		return func(i, j int) bool {
			return s.chunks[0][i].Stamp == s.chunks[1][j].Stamp && s.chunks[0][i].Stamp != ""
		}, nil
	}
	for i, r := range revisions {
		dir, is := directoryOf(s.of[1-i])
		if r == nil || !is || dir.Path() != r.dir {
			continue
		}
		changed, err := r.Changed(ctx)
		return func(i, j int) bool {
			name := chunkPath(s.chunks[0][i].ID)
			_, there := r.files[name]
			return there && !changed[name]
		}, err
	}
	return func(int, int) bool { return false }, nil
}

func directoryOf(s state) (*chunkdir.Dir, bool) {
	of, _ := s.place.(rowsOfSource)
	dir, is := of.Source.(directory)
	return dir.Dir, is
}

// read reads one chunk, for all sides that have it.
func (s *sides) read(ctx context.Context, r reading) {
	first, second := 0, 1
	if r.at[0] < 0 || r.at[1] >= 0 && cost(s.of[1]) < cost(s.of[0]) {
		first, second = 1, 0
	}
	rows, err := s.rows(ctx, first, r.at[first])
	shared := r.same || err == nil && (s.of[0].Kind == theRemote || s.of[1].Kind == theRemote) // an id has one content there
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

// cost orders kinds of states by what it takes to read a chunk.
func cost(s state) int { return slices.Index([]string{"directory", "revision", theRemote}, s.Kind) }

func (s *sides) rows(ctx context.Context, side, at int) ([]history.Row, error) {
	c := s.chunks[side][at]
	if c.Err != nil && !readable(c.Err) {
		return nil, c.Err
	}
	rows, err := s.of[side].Rows(ctx, c.ID)
	if errors.Is(err, fs.ErrNotExist) {
		err = engram.ErrNoFile
	}
	return rows, err
}

func (s *sides) take(side int, r reading, rows []history.Row, err error) {
	c := s.chunks[side][r.at[side]]
	if err != nil {
		s.mu.Lock()
		s.failed = append(s.failed, work.Failure{ID: c.ID.String(), Err: fmt.Errorf("%s: %w", s.of[side].Name, err)})
		s.mu.Unlock()
	}
	if readable(err) {
		s.said[side].Add(r.at[side], engram.Instant(c.CreatedAt), rows)
	}
}

// load reads the rows that changes are about, each chunk once: of each side those of edited memories.
func (s *sides) load(ctx context.Context, changes []difference.Change) (rows [2]map[history.Identity]*history.Row, err error) {
	for side := range s.of {
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
			if !readable(err) {
				return rows, err
			}
			for _, m := range memories {
				if m.Order >= len(read) || read[m.Order].Of() != m.Identity {
					return rows, fmt.Errorf("%s has changed meanwhile: run the same command again", s.of[side].Name)
				}
				row := read[m.Order]
				rows[side][m.Identity] = &row
			}
		}
	}
	return rows, nil
}

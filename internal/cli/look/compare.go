package look

import (
	"context"
	"errors"
	"runtime"
	"slices"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/look/places"
	"github.com/engram-sync/engram-sync/internal/comparison"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// worthIndexing is from how many chunks on that two states have in common an index of them is asked what they say.
const worthIndexing = 200

// compare reads what has to be read of two states.
func (d *differ) compare(ctx context.Context, a, b state) (s *comparison.Sides, err error) {
	of := [2]state{a, b}
	if s, err = comparison.List(ctx, a.side(), b.side()); err != nil {
		return nil, err
	}
	opts := comparison.Options{AtOnce: runtime.GOMAXPROCS(0)}
	if a.Kind == theRemote || b.Kind == theRemote {
		opts.AtOnce = d.ws.Config.Concurrency
	}
	if opts.Same, err = sameBytes(ctx, of, s); err != nil {
		return nil, err
	}
	if s.Equal(opts.Same) {
		return s, nil
	}
	read := func() error {
		report, stop := command.Progress(d.term, "chunk")
		defer stop()
		opts.Report = work.Report(report)
		s.Forget() // what an index that was spoilt let it read
		return s.Read(ctx, opts)
	}
	dirs, err := d.directories(ctx, of)
	if err != nil || len(dirs) == 0 || s.Common() < worthIndexing {
		return s, errors.Join(err, read())
	}
	return s, d.known(ctx, dirs, nil, func(all []known) error {
		opts.Index = all[0]
		opts.Indexed, err = d.indexedOn(ctx, of, all)
		if err != nil {
			return err
		}
		return read()
	})
}

// side is the state as it is compared.
func (s state) side() comparison.Side {
	return comparison.Side{Name: s.Name, Place: s.place, Cost: slices.Index([]string{"directory", "revision", theRemote}, s.Kind), Remote: s.Kind == theRemote}
}

// sameBytes says of a chunk that both sides have whether its file has the same bytes, without reading it. What nobody knows is
// no.
func sameBytes(ctx context.Context, of [2]state, s *comparison.Sides) (func(i, j int) bool, error) {
	revisions := [2]*places.Revision{}
	for i := range revisions {
		revisions[i], _ = of[i].place.(*places.Revision)
	}
	if revisions[0] != nil && revisions[1] != nil {
		return func(i, j int) bool {
			return s.Chunks[0][i].Stamp == s.Chunks[1][j].Stamp && s.Chunks[0][i].Stamp != ""
		}, nil
	}
	for i, r := range revisions {
		dir, is := of[1-i].place.(places.Directory)
		if r == nil || !is || dir.Path() != r.Path() {
			continue
		}
		unchanged, err := r.Unchanged(ctx)
		return func(i, j int) bool { return unchanged(s.Chunks[0][i].ID) }, err
	}
	return func(int, int) bool { return false }, nil
}

// directories are the chunk directories from which it can be known what the chunks of two states say: each that is one of them, and
// for a revision that of its work tree. None where that cannot be told: then all is read.
func (d *differ) directories(ctx context.Context, of [2]state) (dirs []workspace.Directory, err error) {
	for _, s := range of {
		var dir workspace.Directory
		switch p := s.place.(type) {
		case places.Remote:
			continue
		case places.Directory:
			dir = p.Directory
		case *places.Revision:
			if dir, err = d.ws.OpenDirectory(); err != nil {
				return nil, err
			}
			if m, _ := dir.ReadManifest(ctx); m == nil { // as amid a merge: two revisions differ all the same
				return nil, nil
			}
		default:
			return nil, nil // engram.db, or nothing: no chunk is in both
		}
		if !slices.ContainsFunc(dirs, func(other workspace.Directory) bool { return other.Path() == dir.Path() }) {
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
}

// known is a chunk directory with its index.
type known struct {
	index
	dir  workspace.Directory
	good map[engram.ChunkID]bool // chunks that the index knows, and whose files are still those that it was made of
}

// known brings the indexes of directories up to date, and gives them to use.
func (d *differ) known(ctx context.Context, dirs []workspace.Directory, all []known, use func([]known) error) error {
	if len(dirs) == 0 {
		return use(all)
	}
	dir := places.Directory{Directory: dirs[0]}
	return d.indexed(ctx, memoryindex.OfDirectory(dir.Path()), dir, runtime.GOMAXPROCS(0), func(x index) error {
		stamps, err := x.Known(ctx)
		if err != nil {
			return err
		}
		chunks, err := dir.Chunks(ctx)
		if err != nil {
			return err
		}
		good := make(map[engram.ChunkID]bool, len(stamps))
		for _, c := range chunks {
			stamp, has := stamps[c.ID]
			good[c.ID] = has && c.Err == nil && stamp == c.Stamp
		}
		return d.known(ctx, dirs[1:], append(all[:len(all):len(all)], known{x, dirs[0], good}), use)
	})
}

// indexedOn says of a chunk that both states have what its id says, which the first index knows: a remote has nothing else, the file
// of a directory is as it was when it was found good, and that of a revision is the one in the work tree.
func (d *differ) indexedOn(ctx context.Context, of [2]state, all []known) (func(engram.ChunkID) bool, error) {
	checks := []func(engram.ChunkID) bool{func(id engram.ChunkID) bool { return all[0].good[id] }}
	for _, s := range of {
		path := ""
		switch p := s.place.(type) {
		case places.Directory:
			path = p.Path()
		case *places.Revision:
			path = p.Path()
			unchanged, err := p.Unchanged(ctx)
			if err != nil {
				return nil, err
			}
			checks = append(checks, unchanged)
		}
		for _, k := range all {
			if k.dir.Path() == path {
				checks = append(checks, func(id engram.ChunkID) bool { return k.good[id] })
			}
		}
	}
	return func(id engram.ChunkID) bool {
		return !slices.ContainsFunc(checks, func(holds func(engram.ChunkID) bool) bool { return !holds(id) })
	}, nil
}

package syncer

import (
	"context"
	"fmt"
	"slices"

	"github.com/engram-sync/engram-sync/internal/adoption"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/work"
)

// Adopt gives an entry to each chunk file that no manifest names, if it is good: a
// run that was killed leaves such files, and so does a bad merge of the manifest.
// The comparison that it gives has them as chunks of the directory, to be pushed.
// In a dry run nothing is written.
func (s *Diff) Adopt(ctx context.Context, opts Options, dryRun bool) (*Diff, adoption.Outcome, error) {
	orphans := slices.DeleteFunc(slices.Clone(s.Orphans), func(id engram.ChunkID) bool {
		// A redaction was killed before the file was gone, or somebody has put it back.
		return !opts.wants(id) || s.isReplaced(id) && len(opts.Only) == 0
	})
	if len(orphans) == 0 {
		return s, adoption.Outcome{}, nil
	}
	local, here := s.local, &memoryManifest{Local: s.local, m: s.Here}
	if dryRun {
		local = here
	}
	a := adoption.Adopt(ctx, local, s.Here, orphans, max(opts.MinVersion, s.There.Version()))
	m, err := local.ReadManifest(context.WithoutCancel(ctx)) // what was adopted is to be said
	if err != nil {
		return s, a, err
	}
	next, err := s.against(ctx, m, s.There)
	if err != nil {
		return s, a, err
	}
	return next, a, nil
}

// OrphanError says that a push left a chunk file here that no manifest names: only
// what pulls, too, adopts it, unless another chunk has taken its place.
type OrphanError struct {
	ID engram.ChunkID
	// By is what is here in its place; zero if it is a chunk like any other.
	By engram.ChunkID
	// Alone says that nothing else of the run went, or is there.
	Alone bool
}

func (e *OrphanError) Error() string {
	if !e.By.IsZero() {
		return (&ReplacedError{ID: e.ID, By: e.By}).Error()
	}
	return fmt.Sprintf("chunk file %s has no manifest entry, and is not pushed", e.ID)
}

// unadopted is a failure for each chunk file that a run which pushes leaves here: one that
// only pushes all of them, one that pulls those that were put back and that nobody named.
// others is how much else went, or is there.
func (s *Diff) unadopted(opts Options, others int) []work.Failure {
	left := s.PutBack()
	if !opts.Pull {
		left = slices.Compact(slices.SortedFunc(slices.Values(slices.Concat(s.Orphans, left)), engram.ChunkID.Compare))
	}
	var failed []work.Failure
	for _, id := range left {
		if opts.wants(id) && (!opts.Pull || len(opts.Only) == 0) {
			by, _ := s.replacedBy(id)
			failed = append(failed, work.Failure{ID: id.String(), Direction: work.Pushed, Err: &OrphanError{ID: id, By: by, Alone: others == 0}})
		}
	}
	return failed
}

// memoryManifest is a directory whose manifest changes in memory alone.
type memoryManifest struct {
	Local
	m *engram.Manifest
}

// WithManifest is a directory whose manifest reads as m, for what only looks.
func WithManifest(dir Local, m *engram.Manifest) Local { return &memoryManifest{dir, m} }

func (d *memoryManifest) ReadManifest(context.Context) (*engram.Manifest, error) { return d.m, nil }

func (d *memoryManifest) AddEntries(_ context.Context, version int, entries []engram.ChunkEntry) (err error) {
	d.m, err = d.m.With(version, entries...)
	return err
}

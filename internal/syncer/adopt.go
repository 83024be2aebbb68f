package syncer

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/engram-sync/engram-sync/internal/arrival"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/work"
)

// Adoption is what became of the chunk files that no entry names.
type Adoption struct {
	Adopted []engram.ChunkID
	Failed  []work.Failure
}

// Adopt gives an entry to each chunk file that no manifest names, if it is good: a
// run that was killed leaves such files, and so does a bad merge of the manifest.
// The comparison that it gives has them as chunks of the directory, to be pushed.
// In a dry run nothing is written.
func (s *Diff) Adopt(ctx context.Context, opts Options, dryRun bool) (*Diff, Adoption, error) {
	orphans := slices.DeleteFunc(slices.Clone(s.Orphans), func(id engram.ChunkID) bool {
		// A redaction was killed before the file was gone, or somebody has put it back.
		return !opts.wants(id) || s.isReplaced(id) && len(opts.Only) == 0
	})
	if len(orphans) == 0 {
		return s, Adoption{}, nil
	}
	local, here := s.local, &memoryManifest{Local: s.local, m: s.Here}
	if dryRun {
		local = here
	}
	a := Adopt(ctx, local, s.Here, orphans, max(opts.MinVersion, s.There.Version()))
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
// what pulls, too, adopts it.
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

// unadopted is a failure for each chunk file that a run which only pushes leaves
// here. others is how much else went, or is there.
func (s *Diff) unadopted(opts Options, others int) []work.Failure {
	var failed []work.Failure
	for _, id := range s.Orphans {
		if !opts.Pull && opts.wants(id) {
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

// Adopt adds entries for chunk files that the manifest, here, does not name, if they
// are good: a run that was killed leaves such files, and so does a bad merge. The
// manifest's version becomes no less than version, or than the chunks want.
func Adopt(ctx context.Context, local Local, here *engram.Manifest, orphans []engram.ChunkID, version int) (a Adoption) {
	found := map[engram.ChunkID]engram.Contents{}
	var good []engram.ChunkID
	for _, id := range orphans {
		if ctx.Err() != nil {
			break
		}
		contents, _, err := ReadContents(local, id)
		if err != nil {
			a.Failed = append(a.Failed, work.Failure{ID: id.String(), Err: fmt.Errorf("%w: %w", ErrUnlisted, err)})
			continue
		}
		good, found[id] = append(good, id), contents
		version = max(version, engram.ManifestVersion(contents.Generation))
	}
	if len(good) == 0 {
		return a
	}
	// Who only says something of rows comes behind those who have them.
	slices.SortStableFunc(good, func(one, other engram.ChunkID) int {
		x, y := found[one].Newest, found[other].Newest
		if x.IsZero() != y.IsZero() {
			return y.Compare(x)
		}
		return x.Compare(y)
	})
	var entries []engram.ChunkEntry
	var last time.Time
	for _, id := range good {
		e := DerivedEntry(here.Entries(), id, found[id])
		last = arrival.Later(last, e.Time())
		e.CreatedAt = engram.FormatTime(last)
		entries = append(entries, e)
	}
	err := local.AddEntries(context.WithoutCancel(ctx), max(version, here.Version()), entries)
	for _, e := range entries {
		if err != nil {
			a.Failed = append(a.Failed, work.Failure{ID: e.ID.String(), Direction: work.Pulled, Err: err})
			continue
		}
		a.Adopted = append(a.Adopted, e.ID)
	}
	return a
}

// unknownAuthor stands in entries that were derived from their chunks.
const unknownAuthor = "unknown"

// DerivedEntry is the entry that can be made of what a chunk holds: who wrote it, and
// when, is not in there. here are the entries that are known.
func DerivedEntry(here []engram.ChunkEntry, id engram.ChunkID, c engram.Contents) engram.ChunkEntry {
	return engram.ChunkEntry{
		ID: id, CreatedBy: unknownAuthor, CreatedAt: engram.FormatTime(harmlessTime(here, c.Newest)),
		Sessions: c.Sessions, Memories: c.Memories, Prompts: c.Prompts,
	}
}

// ReadContents reads the rows of a chunk of the directory, and how large it is.
func ReadContents(local Local, id engram.ChunkID) (engram.Contents, int64, error) {
	c, err := local.OpenChunk(id)
	if err != nil {
		return engram.Contents{}, 0, err
	}
	defer func() { _ = c.Close() }() // only read
	contents, err := engram.ReadRows(c, engram.ReadContents)
	return contents, c.Size(), err
}

// harmlessTime is no later than the newest entry: engram exports nothing older
// than that, so a later time would hide memories that were never exported
// (local-state.md 1.5 and 7.4).
func harmlessTime(here []engram.ChunkEntry, newestRow time.Time) time.Time {
	newest := engram.NewestTime(here)
	if newest.IsZero() {
		newest = time.Unix(0, 0)
	}
	if !newestRow.IsZero() && newestRow.Before(newest) {
		return newestRow
	}
	return newest
}

// Package adoption gives manifest entries to chunk files that no manifest names, by what they
// hold. The syncer and the repair of a directory call it.
package adoption

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/engram-sync/engram-sync/internal/arrival"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/work"
)

// ErrUnlisted means that a chunk file which no manifest names is no good either.
var ErrUnlisted = errors.New("no manifest names its file, and it cannot be adopted")

// Directory is a chunk directory. AddEntries adds the entries whose ids its manifest
// lacks, and raises the manifest's version to the given one.
type Directory interface {
	arrival.Opener
	AddEntries(ctx context.Context, version int, entries []engram.ChunkEntry) error
}

// Outcome is what became of the chunk files that no entry names.
type Outcome struct {
	Adopted []engram.ChunkID
	Failed  []work.Failure
}

// Adopt adds entries for chunk files that the manifest, here, does not name, if they
// are good: a run that was killed leaves such files, and so does a bad merge. The
// manifest's version becomes no less than version, or than the chunks want.
func Adopt(ctx context.Context, dir Directory, here *engram.Manifest, orphans []engram.ChunkID, version int) (a Outcome) {
	found := map[engram.ChunkID]engram.Contents{}
	var good []engram.ChunkID
	for _, id := range orphans {
		if ctx.Err() != nil {
			break
		}
		contents, _, err := ReadContents(dir, id)
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
	err := dir.AddEntries(context.WithoutCancel(ctx), max(version, here.Version()), entries)
	for _, e := range entries {
		if err != nil {
			a.Failed = append(a.Failed, work.Failure{ID: e.ID.String(), Direction: work.Pulled, Err: err})
			continue
		}
		a.Adopted = append(a.Adopted, e.ID)
	}
	return a
}

// UnknownAuthor stands in entries that were derived from their chunks.
const UnknownAuthor = "unknown"

// DerivedEntry is the entry that can be made of what a chunk holds: who wrote it, and
// when, is not in there. here are the entries that are known.
func DerivedEntry(here []engram.ChunkEntry, id engram.ChunkID, c engram.Contents) engram.ChunkEntry {
	return engram.ChunkEntry{
		ID: id, CreatedBy: UnknownAuthor, CreatedAt: engram.FormatTime(harmlessTime(here, c.Newest)),
		Sessions: c.Sessions, Memories: c.Memories, Prompts: c.Prompts,
	}
}

// ReadContents reads the rows of a chunk of the directory, and how large it is.
func ReadContents(dir arrival.Opener, id engram.ChunkID) (engram.Contents, int64, error) {
	c, err := dir.OpenChunk(id)
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

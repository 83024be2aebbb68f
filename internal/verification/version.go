package verification

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/engram-sync/engram-sync/internal/adoption"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/readers"
	"github.com/engram-sync/engram-sync/internal/syncer"
)

// VersionError says that a manifest has a lower version than its chunks want, or
// than engram's own database beside it: a later engram would refuse to import them.
// Source: engram-2.md 2.3.
type VersionError struct{ Has, Wants int }

func (e *VersionError) Error() string {
	return fmt.Sprintf("its version is %d, and must be %d: engram 2.x refuses to import what it lists; run `engram-sync verify --repair` to raise it", e.Has, e.Wants)
}

// judgeVersion compares the manifest's version with what its chunks show.
func (v *verifier) judgeVersion(m *engram.Manifest) {
	if wants := engram.ManifestVersion(v.shown); m.Version() < wants {
		v.note(Finding{ID: manifestFile, Where: "here", Err: &VersionError{Has: m.Version(), Wants: wants}, Harmless: true})
	}
}

// manifestFile stands for the manifest where a finding is about none of its chunks.
const manifestFile = "manifest.json"

// raise gives the manifest the version that its chunks want.
func (r *repairer) raise(ctx context.Context) error {
	m, err := r.local.ReadManifest(ctx)
	if err != nil {
		return err
	}
	wants := r.opts.MinVersion
	for _, f := range r.done.Findings {
		if low, ok := errors.AsType[*VersionError](f.Err); ok {
			wants = max(wants, low.Wants)
		}
	}
	if m.Version() >= wants || len(m.Entries()) == 0 {
		return nil
	}
	if !r.opts.DryRun {
		if err := r.local.AddEntries(ctx, wants, nil); err != nil {
			return err
		}
	}
	r.done.Fixes = append(r.done.Fixes, Fix{Action: FixRaised, Detail: fmt.Sprintf("version %d, in place of %d", wants, m.Version())})
	r.done.Findings = slices.DeleteFunc(r.done.Findings, func(f Finding) bool {
		_, low := errors.AsType[*VersionError](f.Err)
		return low || f.Reader != nil && (f.Reader.Problem == readers.Owned || f.Reader.Problem == readers.LowVersion)
	})
	return nil
}

// Shown is the latest generation that the chunks of a manifest show by their members.
// known is what earlier calls have found, and gets what this one finds; of others at
// most so many bytes are read, the newest first, where a file counts for a few at least. A
// chunk that cannot be read shows nothing, which is others' to tell.
func Shown(ctx context.Context, local syncer.Local, m *engram.Manifest, known map[engram.ChunkID]engram.Generation, most int64) engram.Generation {
	shown := engram.Gen1
	for _, e := range slices.Backward(m.Entries()) {
		g, ok := known[e.ID]
		if !ok && most > 0 && ctx.Err() == nil {
			var size int64
			var err error
			if g, size, err = shownBy(local, e.ID); err == nil {
				known[e.ID] = g
			}
			most -= max(size, fileBytes)
		}
		shown = max(shown, g)
	}
	return shown
}

// fileBytes are how many bytes of a chunk could be read in the time that opening it takes.
const fileBytes = 32 << 10

// shownBy reads one chunk: row by row only if a word in it may tell something.
func shownBy(local syncer.Local, id engram.ChunkID) (g engram.Generation, size int64, err error) {
	c, err := local.OpenChunk(id)
	if err != nil {
		return engram.Gen1, 0, err
	}
	defer func() { _ = c.Close() }() // only read
	c.Signs = true
	if _, err = io.Copy(io.Discard, c); err != nil || !c.MayTell() {
		return engram.Gen1, c.Size(), err
	}
	contents, again, err := adoption.ReadContents(local, id)
	return max(engram.Gen1, contents.Generation), c.Size() + again, err
}

package verification

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/engram-sync/engram-sync/internal/adoption"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// reidentify gives chunks that somebody has edited in place the ids of their bytes,
// if it shall. A remote that has the bytes from before keeps them: the old id is
// remembered as one that is not wanted, or the next pull would bring them back.
func (r *repairer) reidentify(ctx context.Context) {
	if !r.opts.Reidentify {
		return
	}
	for _, f := range slices.Clone(r.done.Findings) {
		edited, ok := errors.AsType[*engram.MismatchError](f.Err)
		if !ok || ctx.Err() != nil {
			continue
		}
		if !r.opts.DryRun {
			if err := r.move(ctx, edited.ID); err != nil {
				r.finding(edited.ID).Err = fmt.Errorf("%w; giving it its new id: %w", f.Err, err)
				continue
			}
		}
		r.done.fixed(edited.ID, FixReidentified, "it is "+edited.Actual.String()+" now")
		r.done.Checked++
	}
}

// move stores an edited chunk under the id of its bytes, with what its entry says.
func (r *repairer) move(ctx context.Context, old engram.ChunkID) error {
	c, err := r.dir.OpenEdited(old)
	if err != nil {
		return err
	}
	err = errors.Join(r.dir.WriteChunk(ctx, c), c.Close())
	if err != nil {
		return err
	}
	contents, _, err := adoption.ReadContents(r.dir, c.ID())
	if err != nil {
		return err
	}
	m, err := r.dir.ReadManifest(ctx)
	if err != nil {
		return err
	}
	if err := r.remember(old, c.ID()); err != nil {
		return err
	}
	if e, ok := m.Entry(old); ok { // else it is adopted
		e.ID, e.Sessions, e.Memories, e.Prompts = c.ID(), contents.Sessions, contents.Memories, contents.Prompts
		next, err := m.Without(old)
		if err == nil {
			next, err = next.With(engram.ManifestVersion(contents.Generation), e)
		}
		if err == nil {
			err = r.dir.ReplaceManifest(ctx, m.Bytes(), next)
		}
		if err != nil {
			return err
		}
	} else {
		r.done.Findings = append(r.done.Findings, Finding{ID: c.ID().String(), Where: "here", Err: ErrOrphan, Harmless: true})
	}
	return r.dir.RemoveChunk(old)
}

// remember says for later pulls that another chunk has taken the place of one.
func (r *repairer) remember(old, by engram.ChunkID) error {
	if r.opts.Replaced == nil {
		return nil
	}
	return r.opts.Replaced.Add(old, by)
}

package verification

import (
	"context"
	"errors"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
)

// dropReplaced takes out the entries whose chunks were replaced here, and whose files are gone:
// a merge may have brought them back.
func (r *repairer) dropReplaced(ctx context.Context) error {
	var gone []engram.ChunkID
	for _, f := range slices.Clone(r.done.Findings) {
		if replaced, ok := errors.AsType[*syncer.ReplacedError](f.Err); ok && replaced.Listed {
			gone = append(gone, replaced.ID)
			r.done.Findings = slices.DeleteFunc(r.done.Findings, func(o Finding) bool { return o.Err == f.Err }) //nolint:errorlint // this one
			r.done.Fixes = append(r.done.Fixes, Fix{ID: f.ID, Action: FixRetired, Detail: "text was taken out of it here, and it is " + replaced.By.String() + " now"})
		}
	}
	if len(gone) == 0 || r.opts.DryRun {
		return nil
	}
	m, err := r.local.ReadManifest(ctx)
	if err != nil {
		return err
	}
	next, err := m.Without(gone...)
	if err != nil {
		return err
	}
	return r.dir.ReplaceManifest(ctx, m.Bytes(), next)
}

// isReplaced says whether the finding is about a chunk that was replaced here.
func isReplaced(f Finding) bool { _, ok := errors.AsType[*syncer.ReplacedError](f.Err); return ok }

// unlisted is what to say of a good file that no entry names.
func (v *verifier) unlisted(m *engram.Manifest, id engram.ChunkID) error {
	if by, ok := syncer.ReplacedBy(v.opts.Replaced, m, id); ok {
		return &syncer.ReplacedError{ID: id, By: by}
	}
	return ErrOrphan
}

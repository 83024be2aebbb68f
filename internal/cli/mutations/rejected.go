package mutations

import (
	"context"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/journal/source"
	"github.com/engram-sync/engram-sync/internal/rowsum"
	"github.com/engram-sync/engram-sync/internal/state"
)

// countRejects makes rejected rows of a job count that only its file of rejects has, as
// releases left it that did not put them down in the job. Nothing of them was stored, so
// that they are tried once more: they may be mended by now.
func (m *push) countRejects(ctx context.Context, src source.Source, job *journal.Job) error {
	if job.Counted {
		return nil
	}
	job.Counted = true
	if job.Position == 0 || len(job.Rejected)+len(job.Accepted) > 0 {
		return nil
	}
	noted := map[int64][]engram.MutationEntry{}
	for _, path := range []string{job.Store.(state.JobFile).RejectsPath(), m.rejects} {
		if err := state.ReadRejects(path, func(position int64, e engram.MutationEntry) {
			noted[position] = append(noted[position], e)
		}); err != nil {
			return err
		}
	}
	if len(noted) == 0 {
		return nil
	}
	if p, ok := src.(*source.Project); ok {
		src = p.Source // as it was before anything was mended
	}
	for row, err := range src.Rows(ctx, 0) {
		same := func(e engram.MutationEntry) bool { return sameMutation(e, row.Entry) }
		switch {
		case err != nil:
			return err
		case row.Position > job.Position:
			return nil
		case slices.ContainsFunc(noted[row.Position], same) && !job.Deferred.Has(row.Position):
			job.Rejected.Add(row.Position)
			job.Unsent.Add(row.Position)
		}
	}
	return nil
}

// sameMutation compares without the project, which a push fills in.
func sameMutation(a, b engram.MutationEntry) bool {
	a.Project, b.Project = "", ""
	return rowsum.Of(a) == rowsum.Of(b)
}

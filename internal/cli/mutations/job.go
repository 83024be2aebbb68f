package mutations

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/journal/source"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// job finds what is remembered of a source: of the jobs that it can belong to,
// the one that came furthest.
func (m *push) job(ctx context.Context, kept *state.AccountState, src source.Source) (*journal.Job, error) {
	jobs, err := readJobs(kept, src)
	if err != nil {
		return nil, err
	}
	if err := src.Check(ctx, jobs); err != nil {
		return nil, m.badLines(err)
	}
	var best *journal.Job
	for _, job := range jobs {
		fits, err := m.fits(ctx, src, job)
		if err != nil {
			return nil, err
		}
		if fits && (best == nil || job.Position > best.Position) {
			best = job
		}
	}
	if best == nil {
		best = newJob(kept, src)
	}
	if m.restart {
		best.Restart(rand.Text())
	}
	if m.all && best.Skipped > 0 && !m.reconcile {
		return nil, terminal.Usagef("earlier runs left out %s that engram had marked as sent, and sent later ones: to send all in their order, run it with --all --restart", terminal.Count(int(best.Skipped), "mutation"))
	}
	return best, nil
}

func newJob(kept *state.AccountState, src source.Source) *journal.Job {
	return &journal.Job{Store: kept.NewJobFile(src.Group()), Schema: journal.JobSchema, Source: src.ID()}
}

func readJobs(kept *state.AccountState, src source.Source) ([]*journal.Job, error) {
	files, err := kept.JobFiles(src.Group())
	if err != nil {
		return nil, err
	}
	var jobs []*journal.Job
	for _, file := range files {
		job := &journal.Job{Store: file}
		if err := file.Read(job, journal.JobSchema); err != nil {
			return nil, err
		}
		if job.Source == src.ID() {
			jobs = append(jobs, job)
		}
	}
	return jobs, nil
}

// fits says whether the source goes on where the job came to. A database has
// one journal, so another row there is an error; unless nothing of what is
// remembered counts.
func (m *push) fits(ctx context.Context, src source.Source, job *journal.Job) (bool, error) {
	at, hash := job.Position, job.Hash
	if at == 0 && job.Intent != nil {
		at, hash = job.Intent.Last(), job.Intent.Hash
	}
	if at == 0 {
		return true, nil
	}
	same, err := src.Matches(ctx, at, hash)
	if err != nil || same || !m.db {
		return same, err
	}
	if m.restart || m.reconcile {
		return true, nil
	}
	return false, source.NotTheSame(src, fmt.Sprintf("mutation %d is not the one that was sent, as after a restore from a backup", at))
}

// badLines prints the bad lines one below the other, where a person reads them.
func (m *push) badLines(err error) error {
	var bad *source.BadLinesError
	if !errors.As(err, &bad) || m.term.JSON {
		return err
	}
	for _, line := range bad.Lines {
		m.term.Errorf("%s", terminal.OneLine(line))
	}
	return terminal.Usagef("%s in %s: nothing was sent", terminal.Count(bad.Count, "bad line"), bad.Name)
}

package mutations

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/mutationfile"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// pushJob is a job, and the file that it is kept in.
type pushJob struct {
	journal.Job
	file state.PushJob
}

// Save implements syncer.PushJobs.
func (j *pushJob) Save(job *journal.Job) error { return j.file.Write(job) }

// job finds what is remembered of a source: of the jobs that it can belong to,
// the one that came furthest.
func (m *mutationsPush) job(ctx context.Context, kept *state.AccountState, source mutationSource) (*pushJob, error) {
	jobs, err := readJobs(kept, source)
	if err != nil {
		return nil, err
	}
	if err := source.check(ctx, jobs); err != nil {
		return nil, m.badLines(err)
	}
	var best *pushJob
	for _, job := range jobs {
		fits, err := m.fits(ctx, source, job)
		if err != nil {
			return nil, err
		}
		if fits && (best == nil || job.Position > best.Position) {
			best = job
		}
	}
	if best == nil {
		best = newJob(kept, source)
	}
	if m.restart {
		best.Restart(rand.Text())
	}
	if m.all && best.Skipped > 0 && !m.reconcile {
		return nil, terminal.Usagef("earlier runs left out %s that engram had marked as sent, and sent later ones: to send all in their order, run it with --all --restart", terminal.Count(int(best.Skipped), "mutation"))
	}
	return best, nil
}

func newJob(kept *state.AccountState, source mutationSource) *pushJob {
	return &pushJob{
		Job:  journal.Job{Schema: journal.JobSchema, Source: source.ID()},
		file: kept.NewPushJob(source.group()),
	}
}

func readJobs(kept *state.AccountState, source mutationSource) ([]*pushJob, error) {
	files, err := kept.PushJobs(source.group())
	if err != nil {
		return nil, err
	}
	var jobs []*pushJob
	for _, file := range files {
		job := &pushJob{file: file}
		if err := file.Read(&job.Job, journal.JobSchema); err != nil {
			return nil, err
		}
		if job.Source == source.ID() {
			jobs = append(jobs, job)
		}
	}
	return jobs, nil
}

// fits says whether the source goes on where the job came to. A database has
// one journal, so another row there is an error; unless nothing of what is
// remembered counts.
func (m *mutationsPush) fits(ctx context.Context, source mutationSource, job *pushJob) (bool, error) {
	at, mark := job.Position, job.Mark
	if at == 0 && job.Intent != nil {
		at, mark = job.Intent.Last(), job.Intent.Mark
	}
	if at == 0 {
		return true, nil
	}
	same, err := source.matches(ctx, at, mark)
	if err != nil || same || !m.db {
		return same, err
	}
	if m.restart || m.reconcile {
		return true, nil
	}
	return false, errSource(source, fmt.Sprintf("mutation %d is not the one that was sent, as after a restore from a backup", at))
}

// badLines prints the bad lines one below the other, where a person reads them.
func (m *mutationsPush) badLines(err error) error {
	var bad *mutationfile.BadLinesError
	if !errors.As(err, &bad) || m.term.JSON {
		return err
	}
	for _, line := range bad.Lines {
		fmt.Fprintf(m.term.Stderr(), "error: %s\n", terminal.OneLine(line))
	}
	return terminal.Usagef("%s in %s: nothing was sent", terminal.Count(bad.Count, "bad line"), bad.Name)
}

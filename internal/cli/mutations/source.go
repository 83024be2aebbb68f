package mutations

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/engramdb"
	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/journal/source"
	"github.com/engram-sync/engram-sync/internal/repofile"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// open opens what the command line names. Where it names nothing, an empty stdin is
// that of cron or a service, and the file was forgotten.
func (m *push) open(ctx context.Context, named bool) (source.Source, error) {
	if m.db {
		return m.openDatabase(ctx)
	}
	file, err := m.openFile(ctx)
	if problem.Is(err, fs.ErrNotExist, fs.ErrPermission, source.ErrDirectory) {
		return nil, &terminal.UsageError{Err: err}
	}
	if err != nil {
		return nil, err
	}
	if !named && file.Empty() {
		return nil, errors.Join(&terminal.UsageError{Command: "engram-sync mutations push", Err: errors.New("nothing to read, stdin is empty: name a file, or - if it may be")}, file.Close())
	}
	if err := file.Begin(ctx); err != nil {
		return nil, errors.Join(m.badLines(err), file.Close())
	}
	file.Force = m.force
	return file, nil
}

// openFile opens a file or stdin. Whoever writes to a pipe may take for ever:
// when ctx ends, nothing waits for it.
func (m *push) openFile(ctx context.Context) (*source.File, error) {
	return cancellable.Do(ctx, func() (*source.File, error) { // what was copied so far goes with the process
		if m.file == "" {
			return source.Spool("stdin", m.term.Stdin)
		}
		return source.OpenFile(m.file)
	})
}

// checkRejects refuses a file for rejects that cannot be one: above all the one
// that is being pushed.
func (m *push) checkRejects(src source.Source) error {
	if m.rejects == "" {
		return nil
	}
	if err := repofile.CheckLinks(m.rejects); err != nil {
		return err
	}
	info, err := os.Stat(m.rejects)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return terminal.Usagef("--rejects: %w", err)
	}
	pushed, err := os.Stat(src.Name())
	if stdin, ok := m.term.Stdin.(*os.File); ok && !m.db && m.file == "" {
		pushed, err = stdin.Stat()
	}
	switch {
	case !info.Mode().IsRegular():
		return terminal.Usagef("--rejects: %s is no regular file", m.rejects)
	case err == nil && os.SameFile(info, pushed):
		return terminal.Usagef("--rejects: %s is what is pushed: name another file", m.rejects)
	}
	return nil
}

// openDatabase opens engram's database.
func (m *push) openDatabase(ctx context.Context) (source.Source, error) {
	path := m.file
	if path == "" {
		path = filepath.Join(m.ws.DataDir(), "engram.db")
	}
	db, err := engramdb.Open(ctx, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, terminal.Usagef("there is no database %s: name engram's engram.db, or set ENGRAM_DATA_DIR to its directory", path)
	case errors.Is(err, fs.ErrPermission):
		return nil, &terminal.UsageError{Err: err}
	case err != nil:
		return nil, err
	}
	s, err := source.OpenDatabase(ctx, db)
	if err != nil {
		return nil, err
	}
	s.All, s.Force = m.all, m.force
	return s, nil
}

// rejectSink puts rejected rows into a file.
type rejectSink struct {
	file *state.Rejects
	db   bool
}

func (r *rejectSink) Add(row journal.Row, reason error) error {
	text := errors.New(strings.TrimSpace(terminal.OneLine(reason.Error())))
	if r.db {
		return r.file.AddSeq(row.Position, row.Entry, text)
	}
	return r.file.AddLine(row.Position, row.Entry, text)
}

// job finds what is remembered of a source: of the jobs that it can belong to,
// the one that came furthest.
func (m *push) job(ctx context.Context, kept *state.AccountState, src source.Source) (*journal.Job, error) {
	jobs, err := m.readJobs(ctx, kept, src)
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
		best = &journal.Job{Store: kept.NewJobFile(src.Group()), Schema: journal.JobSchema, Source: src.ID()}
	}
	if m.restart {
		best.Restart(rand.Text())
	}
	if m.all && best.Skipped > 0 && !m.reconcile {
		return nil, terminal.Usagef("earlier runs left out %s that engram had marked as sent, and sent later ones: to send all in their order, run it with --all --restart", terminal.Count(int(best.Skipped), "mutation"))
	}
	return best, nil
}

func (m *push) readJobs(ctx context.Context, kept *state.AccountState, src source.Source) ([]*journal.Job, error) {
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
	if db := databaseOf(src); db != nil && len(jobs) == 0 {
		return m.renamedJobs(ctx, kept, db)
	}
	return jobs, nil
}

// renamedJobs finds the jobs of a database that was known by another row, which engram has
// taken out of its journal since, or by which it is not known any more since 2.x.
func (m *push) renamedJobs(ctx context.Context, kept *state.AccountState, db *source.Database) ([]*journal.Job, error) {
	files, err := kept.AllJobFiles()
	if err != nil || !db.Replaces() {
		return nil, err
	}
	var jobs []*journal.Job
	for _, file := range files {
		job := &journal.Job{Store: file}
		if file.Read(job, journal.JobSchema) != nil || !source.OfDatabase(job) {
			continue // of another source
		}
		same := job.Source == db.ID()
		if !same {
			if same, err = db.Has(ctx, job.Position, job.Hash); err != nil {
				return nil, err
			}
		}
		if !same {
			continue
		}
		if job.Intent == nil && job.Source != db.ID() { // an intent's key depends on the name
			job.Source = db.ID()
			if !m.dryRun {
				if err := file.Write(job); err != nil {
					return nil, err
				}
			}
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}

// databaseOf is the database that a source reads; nil if it reads none.
func databaseOf(src source.Source) *source.Database {
	if p, ok := src.(*source.Project); ok {
		src = p.Source
	}
	db, _ := src.(*source.Database)
	return db
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
	bad, ok := errors.AsType[*source.BadLinesError](err)
	if !ok || !m.term.Tells() {
		return err
	}
	for _, line := range bad.Lines {
		m.term.Errorf("%s", terminal.OneLine(line))
	}
	return terminal.Usagef("%s in %s: nothing was sent", terminal.Count(bad.Count, "bad line"), bad.Name)
}

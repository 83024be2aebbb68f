package mutations

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/engramdb"
	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/mutationfile"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// mutationSource is a source of mutations, and how it is known again.
type mutationSource interface {
	journal.Source
	name() string
	// group is the hash of how it begins.
	group() [32]byte
	// check looks through it as far as has to be done before anything is sent.
	// jobs are those that may be about it.
	check(ctx context.Context, jobs []*pushJob) error
	// matches says whether the source has this row at a position.
	matches(ctx context.Context, position int64, mark journal.RowHash) (bool, error)
	close() error
}

// open opens what the command line names.
func (m *mutationsPush) open(ctx context.Context) (mutationSource, error) {
	if m.db {
		return m.openDatabase(ctx)
	}
	file, err := m.openFile(ctx)
	if problem.Is(err, fs.ErrNotExist, fs.ErrPermission, mutationfile.ErrDirectory) {
		return nil, &terminal.UsageError{Err: err}
	}
	if err != nil {
		return nil, err
	}
	first, err := file.First(ctx)
	if err != nil {
		return nil, errors.Join(m.badLines(err), file.Close())
	}
	return &fileSource{file: file, first: first, force: m.force}, nil
}

// openFile opens a file or stdin. Whoever writes to a pipe may take for ever:
// when ctx ends, nothing waits for it.
func (m *mutationsPush) openFile(ctx context.Context) (*mutationfile.File, error) {
	type opened struct {
		file *mutationfile.File
		err  error
	}
	done := make(chan opened, 1)
	go func() {
		var o opened
		if m.file == "" {
			o.file, o.err = mutationfile.Spool("stdin", m.term.Stdin)
		} else {
			o.file, o.err = mutationfile.Open(m.file)
		}
		done <- o
	}()
	select {
	case o := <-done:
		return o.file, o.err
	case <-ctx.Done(): // what was copied so far goes with the process
		return nil, context.Cause(ctx)
	}
}

// checkRejects refuses a file for rejects that cannot be one: above all the one
// that is being pushed.
func (m *mutationsPush) checkRejects(source mutationSource) error {
	info, err := os.Stat(m.rejects)
	if m.rejects == "" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return terminal.Usagef("--rejects: %w", err)
	}
	pushed, err := os.Stat(source.name())
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

// fileSource is a file of JSON Lines.
type fileSource struct {
	file  *mutationfile.File
	first [32]byte
	force bool
}

func (s *fileSource) name() string    { return s.file.Name() }
func (s *fileSource) group() [32]byte { return s.first }
func (s *fileSource) close() error    { return s.file.Close() }

func (s *fileSource) ID() string { return "file " + hex.EncodeToString(s.first[:]) }

func (s *fileSource) check(ctx context.Context, jobs []*pushJob) error {
	var at []int64
	for _, job := range jobs {
		at = append(at, job.Position)
		if job.Intent != nil {
			at = append(at, job.Intent.Last())
		}
	}
	return s.file.Check(ctx, s.force, at...)
}

func (s *fileSource) matches(_ context.Context, position int64, mark journal.RowHash) (bool, error) {
	sum, ok := s.file.Sum(position)
	return ok && sum == mark, nil
}

func (s *fileSource) Rows(ctx context.Context, after int64) iter.Seq2[journal.Row, error] {
	return func(yield func(journal.Row, error) bool) {
		for row, err := range s.file.Rows(ctx, after) {
			if !yield(journal.Row{Position: row.Line, Mark: row.Sum, Entry: row.Entry}, err) {
				return
			}
		}
	}
}

// openDatabase opens engram's database.
func (m *mutationsPush) openDatabase(ctx context.Context) (mutationSource, error) {
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
	s := &dbSource{db: db, all: m.all, force: m.force}
	first, ok, err := db.JournalStart(ctx)
	if err != nil {
		return nil, err
	}
	if ok {
		s.first = markOf(first)
	}
	return s, nil
}

// dbSource is the journal in engram's database.
type dbSource struct {
	db         *engramdb.DB
	first      [32]byte
	all, force bool
}

func (s *dbSource) name() string                            { return s.db.Path() }
func (s *dbSource) group() [32]byte                         { return s.first }
func (s *dbSource) close() error                            { return nil }
func (s *dbSource) check(context.Context, []*pushJob) error { return nil }
func (s *dbSource) ID() string                              { return "db " + hex.EncodeToString(s.first[:]) }

func (s *dbSource) matches(ctx context.Context, position int64, mark journal.RowHash) (bool, error) {
	row, ok, err := s.db.JournalRow(ctx, position)
	return ok && markOf(row) == mark, err
}

// dbPage is how many rows of the database are read at once.
const dbPage = 500

func (s *dbSource) Rows(ctx context.Context, after int64) iter.Seq2[journal.Row, error] {
	return func(yield func(journal.Row, error) bool) {
		for {
			page, err := s.db.Journal(ctx, after, dbPage, true)
			if err != nil {
				yield(journal.Row{}, err)
				return
			}
			for _, row := range page {
				after = row.Seq
				if !yield(s.row(row), nil) {
					return
				}
			}
			if len(page) == 0 {
				return
			}
		}
	}
}

// row judges a row of the database. Nobody can edit those: bad ones are rejected.
func (s *dbSource) row(m engramdb.Mutation) journal.Row {
	row := journal.Row{Position: m.Seq, Mark: markOf(m), Entry: m.MutationEntry, Skip: m.Acked && !s.all}
	err := m.Check()
	if s.force && (len(m.Payload) == 0 || json.Valid(m.Payload)) {
		err = nil
	}
	if err != nil {
		row.Err = &engram.ContentError{Err: err}
	}
	return row
}

// markOf is the hash of a row of the database, by which it is known again.
func markOf(m engramdb.Mutation) [32]byte {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(m.Seq)))
	for _, text := range []string{m.Entity, m.EntityKey, m.Op, m.OccurredAt, string(m.Payload)} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text))))
		h.Write([]byte(text))
	}
	return [32]byte(h.Sum(nil))
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

// errSource says which source is not the one before, and what to do.
func errSource(source mutationSource, why string) error {
	return fmt.Errorf("%s: %w: %s", source.name(), journal.ErrOtherSource, why)
}

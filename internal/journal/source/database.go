package source

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"iter"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/engramdb"
	"github.com/engram-sync/engram-sync/internal/journal"
)

// Database is the journal in engram's database, which has but one.
type Database struct {
	db *engramdb.DB
	// All sends also what engram has marked as sent, Force what readers choke on.
	All, Force bool
	first      journal.RowHash
	replaces   bool
}

// OpenDatabase gives the journal of a database.
func OpenDatabase(ctx context.Context, db *engramdb.DB) (*Database, error) {
	s := &Database{db: db}
	first, ok, err := db.JournalStart(ctx)
	if err != nil || !ok {
		return s, err
	}
	s.first = hashOf(first)
	s.replaces, err = db.Replaces(ctx)
	return s, err
}

// Replaces says whether rows can go from the journal, while others come for them.
func (s *Database) Replaces() bool { return s.replaces }

// ID implements journal.Source.
func (s *Database) ID() string { return databasePrefix + hex.EncodeToString(s.first[:]) }

const databasePrefix = "db "

// OfDatabase says whether a job is about a database.
func OfDatabase(job *journal.Job) bool { return strings.HasPrefix(job.Source, databasePrefix) }

// Name implements Source.
func (s *Database) Name() string { return s.db.Path() }

// Group implements Source.
func (s *Database) Group() [32]byte { return s.first }

// Check implements Source: rows are judged one by one when they are sent.
func (s *Database) Check(context.Context, []*journal.Job) error { return nil }

// Close implements Source. The database is not open between two questions.
func (s *Database) Close() error { return nil }

// Matches implements Source. A row that was replaced is gone, and another one came for it
// with a higher number, while after a restore from a backup there is none above.
func (s *Database) Matches(ctx context.Context, position int64, hash journal.RowHash) (bool, error) {
	row, ok, err := s.db.JournalRow(ctx, position)
	if err != nil || ok || !s.replaces {
		return ok && hashOf(row) == hash, err
	}
	later, err := s.db.Journal(ctx, position, 1, true)
	return len(later) > 0, err
}

// Has says whether the very row with this hash is at a position.
func (s *Database) Has(ctx context.Context, position int64, hash journal.RowHash) (bool, error) {
	row, ok, err := s.db.JournalRow(ctx, position)
	return ok && hashOf(row) == hash, err
}

// Sessions gives those of the wanted sessions that the database has, as rows of a chunk.
func (s *Database) Sessions(ctx context.Context, wanted func(id string) bool, found func(id string, row json.RawMessage)) error {
	return s.db.Snapshot(ctx, func(snapshot *engramdb.Snapshot) error {
		return snapshot.Sessions(ctx, func(row engram.Session) error {
			id := strings.TrimSpace(row.ID)
			if !wanted(id) {
				return nil
			}
			text, err := json.Marshal(row)
			found(id, text)
			return err
		})
	})
}

// Empty says whether the journal has no row at all.
func (s *Database) Empty() bool { return s.first == journal.RowHash{} }

// Memories counts the sessions, observations and prompts of projects, which the journal need
// not have. A row that names no project belongs to its session's.
func (s *Database) Memories(ctx context.Context, wanted func(project string) bool) (n int64, err error) {
	count := func(project string) {
		if wanted(project) {
			n++
		}
	}
	err = s.db.Snapshot(ctx, func(snapshot *engramdb.Snapshot) error {
		n = 0
		of := map[string]string{}
		return cmp.Or(
			snapshot.Sessions(ctx, func(row engram.Session) error {
				of[row.ID] = row.Project
				count(row.Project)
				return nil
			}),
			snapshot.Observations(ctx, func(row engram.Observation) error {
				count(engram.ProjectOf(engram.Text(row.Project), of[row.SessionID]))
				return nil
			}),
			snapshot.Prompts(ctx, func(row engram.Prompt) error {
				count(engram.ProjectOf(row.Project, of[row.SessionID]))
				return nil
			}))
	})
	return n, err
}

// dbPage is how many rows of the database are read at once.
const dbPage = 500

// Rows implements journal.Source.
func (s *Database) Rows(ctx context.Context, after int64) iter.Seq2[journal.Row, error] {
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
func (s *Database) row(m engramdb.Mutation) journal.Row {
	row := journal.Row{Position: m.Seq, Hash: hashOf(m), Entry: m.MutationEntry, Skip: m.Acked && !s.All}
	if m.Disposition != engramdb.Pending && !row.Skip {
		row.SetAside = m.Disposition
		return row
	}
	err := m.Check()
	if s.Force && (len(m.Payload) == 0 || json.Valid(m.Payload)) {
		err = nil
	}
	if err != nil {
		row.Err = &engram.ContentError{Err: err}
	}
	return row
}

// hashOf is the hash of a row of the database, by which it is known again.
func hashOf(m engramdb.Mutation) journal.RowHash {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(m.Seq)))
	for _, text := range []string{m.Entity, m.EntityKey, m.Op, m.OccurredAt, string(m.Payload)} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text))))
		h.Write([]byte(text))
	}
	return journal.RowHash(h.Sum(nil))
}

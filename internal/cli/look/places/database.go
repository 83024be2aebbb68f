package places

import (
	"cmp"
	"context"

	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/engramdb"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// Database is engram.db, as a comparison.Place of one chunk, which has no id.
type Database struct {
	db    *engramdb.DB
	term  *terminal.Terminal
	noted bool
}

// NewDatabase warns on term, once, of rows that cannot be compared.
func NewDatabase(db *engramdb.DB, term *terminal.Terminal) *Database {
	return &Database{db: db, term: term}
}

// Chunks is the one.
func (d *Database) Chunks(context.Context) ([]memoryindex.Chunk, error) {
	return []memoryindex.Chunk{{}}, nil
}

// Rows are all that have an identity, so that they can be compared. It reads one snapshot.
func (d *Database) Rows(ctx context.Context, _ engram.ChunkID) (rows []history.Row, err error) {
	unnamed := 0
	add := func(row history.Row) error { //nolint:unparam // as what gives the rows calls it
		if row.ID == "" {
			unnamed++
			return nil
		}
		rows = append(rows, row)
		return nil
	}
	projects, ends := map[string]string{}, map[string]string{} // of sessions, and of observations, which relations have for ends
	err = d.db.Snapshot(ctx, func(s *engramdb.Snapshot) error {
		rows, unnamed = nil, 0 // it may be asked twice
		for _, read := range []func() error{
			func() error {
				return s.Sessions(ctx, func(r engram.Session) error {
					projects[r.ID] = r.Project
					return add(history.OfSession(r))
				})
			},
			func() error {
				return s.Observations(ctx, func(r engram.Observation) error {
					ends[r.SyncID] = cmp.Or(engram.Text(r.Project), projects[r.SessionID])
					return add(history.OfObservation(r))
				})
			},
			func() error {
				return s.Prompts(ctx, func(r engram.Prompt) error { return add(history.OfPrompt(r)) })
			},
			func() error {
				return s.Relations(ctx, func(r engram.Relation) error {
					if r.Orphaned() { // which engram tells nobody of
						return nil
					}
					return add(history.OfRelation(r))
				})
			},
			func() error {
				return s.Deletions(ctx, func(r engram.Deletion) error {
					return add(history.Row{Kind: r.Kind.Entity(), ID: r.Key, State: history.Removed, Session: r.Session, Project: r.Project, DeletedAt: r.At})
				})
			},
		} {
			if err := read(); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range rows {
		if row := &rows[i]; row.Project == "" {
			row.Project = cmp.Or(projects[row.Session], ends[row.Source])
		}
	}
	if unnamed > 0 && !d.noted {
		d.noted = true
		d.term.Warn(surroundings.UnnamedSentence(unnamed))
	}
	return rows, err
}

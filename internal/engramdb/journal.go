package engramdb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// maxPageBytes ends a page of the journal early; one row always fits.
const maxPageBytes = 8 << 20

// Mutation is one row of the journal in engram.db: a local change. Payload has
// the column's bytes as they are stored, nil for NULL; nobody has checked that
// they are JSON. Project is "" where engram noted none, which 1.9.4 does for
// every delete. Source: local-state.md 2.3.
type Mutation struct {
	Seq int64
	engram.MutationEntry
	OccurredAt string // as stored: "YYYY-MM-DD HH:MM:SS", UTC
	Acked      bool   // engram's own client has sent it, or decided not to (local-state.md 2.5)
	// Disposition is what 2.x means to do with it: Pending, or what takes it out of the
	// queue, such as "quarantined" and "superseded". Source: engram-2.md 3.
	Disposition string
}

// Journal gives rows with a seq above after, ascending: at most limit, and
// fewer when they grow past 8 MiB, but none only where there are no more. All
// are of the target 'cloud', the only one that engram writes; those that engram
// has acked are among them if includeAcked. Each call is a short read of its own.
// Errors: those of Open.
func (db *DB) Journal(ctx context.Context, after int64, limit int, includeAcked bool) ([]Mutation, error) {
	where := "seq > ? "
	if !includeAcked {
		where += "AND acked_at IS NULL "
	}
	page, err := db.mutations(ctx, where+"ORDER BY seq LIMIT ?", after, max(limit, 0))
	if err != nil {
		return nil, fmt.Errorf("read engram's journal: %w", err)
	}
	return page, nil
}

// JournalRow gives the row with that seq, acked or not; false if there is none.
func (db *DB) JournalRow(ctx context.Context, seq int64) (Mutation, bool, error) {
	return db.mutation(ctx, "seq = ?", seq)
}

// Pending is the Disposition of what is to be sent; that of all rows of 1.x.
const Pending = "pending"

// JournalStart gives the journal's first row, acked or not; false if it is empty.
// With another first row, it is another database, or one that was made anew. From
// 2.x on (Replaces) it is the first that is no session's upsert, if there is one:
// those are taken out of the journal when the session changes before they were
// sent, and come again under a new number. All other rows stay. Source: engram-2.md 3.
func (db *DB) JournalStart(ctx context.Context) (Mutation, bool, error) {
	replaces, err := db.Replaces(ctx)
	if err != nil {
		return Mutation{}, false, err
	}
	order := "seq"
	if replaces {
		order = "entity = 'session' AND op = 'upsert', seq"
	}
	return db.mutation(ctx, "true ORDER BY "+order+" LIMIT 1")
}

// Replaces says whether rows can go from the journal, as from 2.x on. Their numbers
// are never given again. Errors: those of Open. Source: engram-2.md 3.
func (db *DB) Replaces(ctx context.Context) (replaces bool, err error) {
	err = db.read(ctx, func(ctx context.Context, v *view) error {
		columns, err := v.columnsOf(ctx, mutations.name)
		replaces = columns["disposition"]
		return err
	})
	if err != nil {
		return false, fmt.Errorf("read engram's journal: %w", err)
	}
	return replaces, nil
}

func (db *DB) mutation(ctx context.Context, where string, args ...any) (Mutation, bool, error) {
	rows, err := db.mutations(ctx, where, args...)
	if err != nil {
		return Mutation{}, false, fmt.Errorf("read engram's journal: %w", err)
	}
	if len(rows) == 0 {
		return Mutation{}, false, nil
	}
	return rows[0], true, nil
}

// errPageFull ends a query whose rows are enough.
var errPageFull = errors.New("page full")

func (db *DB) mutations(ctx context.Context, where string, args ...any) ([]Mutation, error) {
	var page []Mutation
	err := db.read(ctx, func(ctx context.Context, v *view) error {
		columns, err := v.columns(ctx, mutations)
		if err != nil {
			return err
		}
		page = nil
		bytes := 0
		err = v.query(ctx, func(scan func(...any) error) error {
			m, err := scanMutation(scan)
			if err != nil {
				return err
			}
			page = append(page, m)
			if bytes += len(m.Payload); bytes >= maxPageBytes {
				return errPageFull
			}
			return nil
		}, "SELECT "+columns+" FROM sync_mutations WHERE target_key = 'cloud' AND "+where, args...)
		if errors.Is(err, errPageFull) {
			return nil
		}
		return err
	})
	return page, err
}

func scanMutation(scan func(...any) error) (Mutation, error) {
	var m Mutation
	var acked, target sql.NullString
	err := scan(&m.Seq, orZero(&m.Entity), orZero(&m.EntityKey), orZero(&m.Op), (*[]byte)(&m.Payload),
		orZero(&m.Project), orZero(&m.OccurredAt), &acked, &target, orZero(&m.Disposition))
	m.Acked, m.Disposition = acked.Valid, cmp.Or(m.Disposition, Pending)
	return m, err
}

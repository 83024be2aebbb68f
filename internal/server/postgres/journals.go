package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// AppendMutations implements store.Journals. The user's row is locked until the
// commit: that is why the order of seqs is that of commits.
func (s *Store) AppendMutations(ctx context.Context, userID, key string, b store.Batch) (r store.Receipt, err error) {
	err = s.update(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE", userID); err != nil {
			return err
		}
		r, err = receiptOf(ctx, tx, userID, key, b.SHA256)
		if err != nil || r.Replayed {
			return err
		}
		if err := s.use(ctx, tx, userID, b.Bytes()); err != nil {
			return err
		}
		r.Accepted = len(b.Mutations)
		if r.LastSeq, err = s.insertMutations(ctx, tx, userID, b.Mutations); err != nil || key == "" {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO mutation_pushes (user_id, idempotency_key, sha256, accepted, last_seq)
			VALUES ($1, $2, $3, $4, $5)`, userID, key, b.SHA256, r.Accepted, r.LastSeq)
		return err
	})
	return r, err
}

// receiptOf gives the receipt of the batch that used key, if one did.
func receiptOf(ctx context.Context, tx pgx.Tx, userID, key, sum string) (store.Receipt, error) {
	if key == "" {
		return store.Receipt{}, nil
	}
	r := store.Receipt{Replayed: true}
	var before string
	err := tx.QueryRow(ctx, `SELECT sha256, accepted, last_seq FROM mutation_pushes
		WHERE user_id = $1 AND idempotency_key = $2`, userID, key).Scan(&before, &r.Accepted, &r.LastSeq)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return store.Receipt{}, nil
	case err != nil:
		return store.Receipt{}, err
	case before != sum:
		return store.Receipt{}, store.ErrOtherBatch
	}
	return r, nil
}

// insertMutations gives the number of the last row, 0 if there is none. The rows
// go through COPY, which takes them as they come, under numbers that are theirs
// already.
func (s *Store) insertMutations(ctx context.Context, tx pgx.Tx, userID string, mutations []store.Mutation) (last int64, err error) {
	if len(mutations) == 0 {
		return 0, nil
	}
	rows, err := tx.Query(ctx, "SELECT nextval('mutation_seqs') FROM generate_series(1, $1)", len(mutations))
	if err != nil {
		return 0, err
	}
	seqs, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return 0, err
	}
	at := s.timestamp()
	err = copyRows(ctx, tx, userID, len(mutations), func(i int) store.JournalRow {
		return store.JournalRow{Seq: seqs[i], Mutation: mutations[i], OccurredAt: at}
	})
	return seqs[len(seqs)-1], err
}

// copyRows adds n rows to a journal.
func copyRows(ctx context.Context, tx pgx.Tx, userID string, n int, row func(i int) store.JournalRow) error {
	columns := []string{"seq", "user_id", "entity", "entity_key", "op", "payload", "occurred_at"}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"mutations"}, columns, pgx.CopyFromSlice(n, func(i int) ([]any, error) {
		r := row(i)
		return []any{r.Seq, userID, r.Entity, r.EntityKey, r.Op, r.Payload, r.OccurredAt}, nil
	}))
	return err
}

// pageRows is how many rows of a journal are asked for at a time: what is behind a row that a
// reader stops at comes over the wire as well.
const pageRows = 100

// ReadMutations implements store.Journals.
func (s *Store) ReadMutations(ctx context.Context, userID string, since int64, limit int, take func(store.JournalRow) bool) (head int64, err error) {
	err = s.view(ctx, func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, "SELECT coalesce(max(seq), 0) FROM mutations WHERE user_id = $1", userID).Scan(&head)
		for more := true; err == nil && more && limit > 0; limit -= pageRows {
			since, more, err = readPage(ctx, tx, userID, since, min(limit, pageRows), take)
		}
		return err
	})
	return head, err
}

// readPage gives the seq of the last row that it read, and whether there may be more that take wants.
func readPage(ctx context.Context, tx pgx.Tx, userID string, since int64, limit int, take func(store.JournalRow) bool) (last int64, more bool, err error) {
	rows, err := tx.Query(ctx, `SELECT seq, entity, entity_key, op, payload, occurred_at FROM mutations
		WHERE user_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`, userID, since, limit)
	if err != nil {
		return 0, false, err
	}
	defer rows.Close()
	var row store.JournalRow
	for n := 1; rows.Next(); n++ {
		if err := rows.Scan(&row.Seq, &row.Entity, &row.EntityKey, &row.Op, (*pgtype.DriverBytes)(&row.Payload), moment{&row.OccurredAt}); err != nil {
			return 0, false, err
		}
		if !take(row) {
			return row.Seq, false, nil
		}
		more = n == limit
	}
	return row.Seq, more, rows.Err()
}

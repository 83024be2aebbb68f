package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// AppendMutations implements store.Journals. SQLite has one writer at a time,
// and takes a seq back with its transaction: that is why the order of seqs is
// that of commits.
func (s *Store) AppendMutations(ctx context.Context, userID, key string, b store.Batch) (r store.Receipt, err error) {
	err = s.update(ctx, b.Bytes(), func(ctx context.Context, tx *transaction) error {
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
		_, err = tx.ExecContext(ctx, `INSERT INTO mutation_pushes (user_id, idempotency_key, sha256, accepted, last_seq)
			VALUES (?, ?, ?, ?, ?)`, userID, key, b.SHA256, r.Accepted, r.LastSeq)
		return err
	})
	return r, err
}

// receiptOf gives the receipt of the batch that used key, if one did.
func receiptOf(ctx context.Context, tx *transaction, userID, key, sum string) (store.Receipt, error) {
	if key == "" {
		return store.Receipt{}, nil
	}
	r := store.Receipt{Replayed: true}
	var before string
	err := tx.QueryRowContext(ctx, `SELECT sha256, accepted, last_seq FROM mutation_pushes
		WHERE user_id = ? AND idempotency_key = ?`, userID, key).Scan(&before, &r.Accepted, &r.LastSeq)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return store.Receipt{}, nil
	case err != nil:
		return store.Receipt{}, err
	case before != sum:
		return store.Receipt{}, store.ErrOtherBatch
	}
	return r, nil
}

// rowsAtOnce is how many mutations one statement inserts: what it costs to run one, and
// to note the last number used, is then shared by so many.
const rowsAtOnce = 64

// insertMutations gives the number of the last row, 0 if there is none.
func (s *Store) insertMutations(ctx context.Context, tx *transaction, userID string, mutations []store.Mutation) (seq int64, err error) {
	at := s.timestamp()
	for len(mutations) > 0 {
		n := 1
		if len(mutations) >= rowsAtOnce {
			n = rowsAtOnce
		}
		args := append(make([]any, 0, 2+4*n), userID, at)
		for _, m := range mutations[:n] {
			args = append(args, m.Entity, m.EntityKey, m.Op, string(m.Payload))
		}
		result, err := tx.ExecContext(ctx, insertOf[n], args...)
		if err != nil {
			return 0, err
		}
		if seq, err = result.LastInsertId(); err != nil {
			return 0, err
		}
		mutations = mutations[n:]
	}
	return seq, nil
}

// insertOf are the statements that insert so many mutations of one user at one time.
var insertOf = map[int]string{1: insertRows(1), rowsAtOnce: insertRows(rowsAtOnce)}

func insertRows(n int) string {
	return "INSERT INTO mutations (user_id, occurred_at, entity, entity_key, op, payload) VALUES " +
		strings.TrimSuffix(strings.Repeat("(?1, ?2, ?, ?, ?, ?), ", n), ", ")
}

func (s *Store) ReadMutations(ctx context.Context, userID string, since int64, limit int, take func(store.JournalRow) bool) (head int64, err error) {
	err = s.view(ctx, func(tx *transaction) error {
		err := tx.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM mutations WHERE user_id = ?", userID).Scan(&head)
		if err != nil {
			return err
		}
		var row store.JournalRow
		var payload sql.RawBytes // not copied for each row
		return eachRow(ctx, tx, func(rows *sql.Rows) (more bool, err error) {
			if err := rows.Scan(&row.Seq, &row.Entity, &row.EntityKey, &row.Op, &payload, moment{&row.OccurredAt}); err != nil {
				return false, err
			}
			row.Payload = payload
			return take(row), nil
		}, `SELECT seq, entity, entity_key, op, payload, occurred_at FROM mutations
			WHERE user_id = ? AND seq > ? ORDER BY seq LIMIT ?`, userID, since, limit)
	})
	return head, err
}

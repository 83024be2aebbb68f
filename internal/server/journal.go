package server

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// errOtherContent says that an idempotency key came with another batch before.
var errOtherContent = errors.New("idempotency key was used with other content")

// How many batches may be in memory while they are taken apart and stored, which
// the database does one after the other anyway; and how many pages while they are
// sent. A client that stops taking its page is cut off after progressTimeout.
const (
	batchesAtOnce = 4
	pagesAtOnce   = 32
)

// journal keeps the mutations of each account. Rows are only added.
type journal struct {
	db      *database
	now     func() time.Time
	batches slots
	pages   slots
}

func newJournal(db *database, now func() time.Time) *journal {
	return &journal{db: db, now: now, batches: make(slots, batchesAtOnce), pages: make(slots, pagesAtOnce)}
}

// receipt is what became of a push.
type receipt struct {
	accepted int
	lastSeq  int64 // of the batch's last row, 0 for an empty batch
	replayed bool  // by an earlier push with the same key
}

// append adds a batch, all of it or nothing. With a key ("" is none) it does so
// once: the same batch again gets the receipt it had before, and another one
// errOtherContent. Keys are kept as long as their account.
func (j *journal) append(ctx context.Context, userID, key string, b batch) (rc receipt, err error) {
	if key == "" && len(b.mutations) == 0 {
		return receipt{}, nil
	}
	err = j.db.update(ctx, func(tx *sql.Tx) error {
		rc, err = pushedBefore(ctx, tx, userID, key, b.sum)
		if err != nil || rc.replayed {
			return err
		}
		rc.accepted = len(b.mutations)
		if rc.lastSeq, err = insertMutations(ctx, tx, userID, b.mutations, timestamp(j.now())); err != nil || key == "" {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO mutation_pushes (user_id, idempotency_key, sha256, accepted, last_seq)
			VALUES (?, ?, ?, ?, ?)`, userID, key, b.sum, rc.accepted, rc.lastSeq)
		return err
	})
	return rc, err
}

// pushedBefore gives the receipt of the push that used key, if one did. No push
// is remembered under "".
func pushedBefore(ctx context.Context, tx *sql.Tx, userID, key, sum string) (receipt, error) {
	rc := receipt{replayed: true}
	var before string
	err := tx.QueryRowContext(ctx, `SELECT sha256, accepted, last_seq FROM mutation_pushes
		WHERE user_id = ? AND idempotency_key = ?`, userID, key).Scan(&before, &rc.accepted, &rc.lastSeq)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return receipt{}, nil
	case err != nil:
		return receipt{}, err
	case before != sum:
		return receipt{}, errOtherContent
	}
	return rc, nil
}

// insertMutations gives the number of the last row, 0 if there is none.
func insertMutations(ctx context.Context, tx *sql.Tx, userID string, mutations []mutation, at string) (seq int64, err error) {
	insert, err := tx.PrepareContext(ctx, `INSERT INTO mutations (user_id, entity, entity_key, op, payload, occurred_at)
		VALUES (?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return 0, err
	}
	defer func() { err = both(err, insert.Close()) }()
	for _, m := range mutations {
		result, err := insert.ExecContext(ctx, userID, m.entity, m.key, m.op, string(m.payload), at)
		if err != nil {
			return 0, err
		}
		if seq, err = result.LastInsertId(); err != nil {
			return 0, err
		}
	}
	return seq, nil
}

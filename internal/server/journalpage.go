package server

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
)

// pageBytes bounds the mutations of one page as they go out; a single larger
// one is a page of its own. No mutation is larger than a push, or twice that,
// since the encoder escapes two characters which may come as they are.
const pageBytes = 8 << 20

// page is a part of an account's journal, ascending by seq.
type page struct {
	mutations []byte // JSON objects with commas between them
	hasMore   bool   // there is a row behind them
	head      int64  // seq of the account's newest row, 0 if it has none
}

// page reads at most limit rows behind since. All of it is of one moment, and
// whatever is stored later has a higher seq.
func (j *journal) page(ctx context.Context, userID string, since int64, limit int) (p page, err error) {
	err = j.db.view(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM mutations WHERE user_id = ?", userID).Scan(&p.head)
		if err != nil {
			return err
		}
		p.mutations, p.hasMore, err = readMutations(ctx, tx, userID, since, limit)
		return err
	})
	return p, err
}

func readMutations(ctx context.Context, tx *sql.Tx, userID string, since int64, limit int) (out []byte, more bool, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT seq, entity, entity_key, op, payload, occurred_at FROM mutations
		WHERE user_id = ? AND seq > ? ORDER BY seq LIMIT ?`, userID, since, limit+1)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = both(err, rows.Close()) }()
	var buf bytes.Buffer
	for n := 0; rows.Next(); n++ {
		if n == limit {
			return buf.Bytes(), true, nil
		}
		m := storedMutation{UserID: userID}
		if err := rows.Scan(&m.Seq, &m.Entity, &m.EntityKey, &m.Op, &m.payload, &m.occurredAt); err != nil {
			return nil, false, err
		}
		before := buf.Len()
		if err := m.writeTo(&buf, n > 0); err != nil {
			return nil, false, err
		}
		if n > 0 && buf.Len() > pageBytes {
			buf.Truncate(before)
			return buf.Bytes(), true, nil
		}
	}
	return buf.Bytes(), false, rows.Err()
}

// storedMutation is a row of the journal. Its exported fields are the first
// members of its JSON. Source: account-server.md 4.3.
type storedMutation struct {
	Seq       int64  `json:"seq"`
	UserID    string `json:"user_id"`
	Entity    string `json:"entity"`
	EntityKey string `json:"entity_key"`
	Op        string `json:"op"`

	payload    string
	occurredAt string
}

// writeTo appends the row. The encoder would change the bytes of the payload, so
// it does not see them.
func (m storedMutation) writeTo(buf *bytes.Buffer, comma bool) error {
	if comma {
		buf.WriteByte(',')
	}
	encoder := json.NewEncoder(buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(m); err != nil {
		return err
	}
	buf.Truncate(buf.Len() - len("}\n"))
	buf.WriteString(`,"payload":`)
	buf.WriteString(m.payload)
	buf.WriteString(`,"occurred_at":"` + m.occurredAt + `"}`)
	return nil
}

package server

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// pageBytes bounds the mutations of one page as they go out; a single larger
// one is a page of its own. No mutation is larger than a push, or twice that,
// since the encoder escapes two characters which may come as they are.
const pageBytes = 8 << 20

// page collects a part of a journal as it goes out.
type page struct {
	userID  string
	limit   int
	n       int
	rows    bytes.Buffer // JSON objects with commas between them
	hasMore bool         // there is a row behind them
	err     error
}

// add takes in the next row. false says that the page is full, or broken.
func (p *page) add(row store.JournalRow) bool {
	if p.n == p.limit {
		p.hasMore = true
		return false
	}
	before := p.rows.Len()
	if p.n > 0 {
		p.rows.WriteByte(',')
	}
	if p.err = p.write(row); p.err != nil {
		return false
	}
	if p.n > 0 && p.rows.Len() > pageBytes {
		p.rows.Truncate(before)
		p.hasMore = true
		return false
	}
	p.n++
	return true
}

// rowHead are the first members of a row's JSON. Source: account-server.md 4.3.
type rowHead struct {
	Seq       int64  `json:"seq"`
	UserID    string `json:"user_id"`
	Entity    string `json:"entity"`
	EntityKey string `json:"entity_key"`
	Op        string `json:"op"`
}

// write appends a row. The encoder would change the bytes of the payload, so
// it does not see them.
func (p *page) write(row store.JournalRow) error {
	buf := &p.rows
	encoder := json.NewEncoder(buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(rowHead{row.Seq, p.userID, row.Entity, row.EntityKey, row.Op}); err != nil {
		return err
	}
	buf.Truncate(buf.Len() - len("}\n"))
	buf.WriteString(`,"payload":`)
	buf.Write(row.Payload)
	buf.WriteString(`,"occurred_at":"`)
	buf.Write(row.OccurredAt.UTC().AppendFormat(buf.AvailableBuffer(), timestampLayout))
	buf.WriteString(`"}`)
	return nil
}

// timestampLayout has the same number of digits always: old clients compare such
// times as text.
const timestampLayout = "2006-01-02T15:04:05.000000Z"

func timestamp(t time.Time) string { return t.UTC().Format(timestampLayout) }

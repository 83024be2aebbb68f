package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// The size of a batch: as many rows as engram's own client sends, and well below
// every server's limit, so that it is stored quickly (account-server.md 4.1, 8).
const (
	batchRows  = 100
	batchBytes = 1 << 20
	// rowBytes is what a row takes in a request besides its texts.
	rowBytes = 100
)

// batch is rows that go in one request.
type batch struct {
	rows    []Row
	entries []engram.MutationEntry
	sums    [][sha256.Size]byte
	at      Positions
}

func newBatch(rows []Row) batch {
	b := batch{rows: rows}
	for _, row := range rows {
		b.sums = append(b.sums, engram.MutationSum(row.Entry))
		b.entries = append(b.entries, row.Entry)
		b.at.Add(row.Position)
	}
	return b
}

// key names the batch to a server that stores each key once, and refuses it for
// other content. It depends on nothing but the source and the very bytes, so
// that it is the same after all state was lost.
func (b batch) key(job *Job) string {
	h := sha256.New()
	part := func(text []byte) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text))))
		h.Write(text)
	}
	part([]byte(job.Source))
	part([]byte(job.Nonce))
	for _, row := range b.rows {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(row.Position)))
		e := row.Entry
		for _, text := range []string{e.Entity, e.EntityKey, e.Op, e.Project} {
			part([]byte(text))
		}
		part(e.Payload)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// size is what the row takes in a request.
func (r Row) size() int {
	e := r.Entry
	return rowBytes + len(e.Entity) + len(e.EntityKey) + len(e.Op) + len(e.Payload) + len(e.Project)
}

func sizeOf(rows []Row) int {
	total := 0
	for _, row := range rows {
		total += row.size()
	}
	return total
}

// middle is where to halve rows: by their number, or by their size.
func middle(rows []Row, bySize bool) int {
	if !bySize {
		return len(rows) / 2
	}
	total, left := sizeOf(rows), 0
	for i, row := range rows[:len(rows)-1] {
		if left += row.size(); left*2 >= total {
			return i + 1
		}
	}
	return len(rows) - 1
}

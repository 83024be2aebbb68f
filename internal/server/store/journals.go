package store

import (
	"context"
	"time"
)

// Mutation is one change. Entity, key and op are any text, "" too: what they
// mean is between the clients. The payload is JSON text as it was sent. None of
// them has a U+0000.
type Mutation struct {
	Entity, EntityKey, Op string
	Payload               []byte
}

// Bytes is about how much room it takes.
func (m Mutation) Bytes() int64 {
	return int64(len(m.Entity) + len(m.EntityKey) + len(m.Op) + len(m.Payload))
}

// Batch is what one push adds to a journal.
type Batch struct {
	Mutations []Mutation
	SHA256    string // in hex, of all that is kept of them
}

// Bytes is about how much room the batch takes.
func (b Batch) Bytes() (n int64) {
	for _, m := range b.Mutations {
		n += m.Bytes()
	}
	return n
}

// Receipt is what became of a Batch.
type Receipt struct {
	Accepted int
	LastSeq  int64 // of the batch's last row, 0 for an empty batch
	Replayed bool  // an earlier batch with the same key was kept, not this one
}

// JournalRow is a Mutation in a journal.
type JournalRow struct {
	Seq int64
	Mutation
	OccurredAt time.Time // when its batch was kept
}

// Journals keeps a journal of mutations for each user, to which rows are only
// added.
type Journals interface {
	// AppendMutations adds a batch: all of it, in its order, or nothing. With a
	// key ("" is none) it does so once for each user: the same batch again gets
	// the receipt it had before, and another one ErrOtherBatch. Keys are kept as
	// long as their user. What the user's quota has no room for is a *QuotaError.
	//
	// A row's seq is positive, higher than that of all rows of the journal that anybody
	// could read before, and never used again. So the order of seqs is the order of commits, and a reader who
	// always goes on behind the last row misses none. A later row is not older, unless the clock was
	// set back.
	AppendMutations(ctx context.Context, userID, key string, b Batch) (Receipt, error)
	// ReadMutations shows take at most limit rows behind since, ascending by seq,
	// until it wants no more, and gives the seq of the journal's last row, 0 for
	// an empty one. All of it is of one moment: take is called in the
	// transaction, so it must not wait for a client. A row's payload is good
	// until take returns.
	ReadMutations(ctx context.Context, userID string, since int64, limit int, take func(JournalRow) bool) (head int64, err error)
}

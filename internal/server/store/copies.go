package store

import (
	"context"
	"io"
	"time"
)

// Account is a user with all that signs them in and bounds them.
type Account struct {
	User
	Quota        int64  // in bytes; negative: as many as DefaultQuota says
	KeySHA256    string // of the API key, "" for none
	KeyCreatedAt time.Time
}

// ChunkRecord is a chunk as it is kept, but for its body.
type ChunkRecord struct {
	NewChunk
	Seq       int64 // its place in the manifest, for which no number is used twice
	CreatedAt time.Time
}

// KeyedBatch is what is remembered of a Batch with a key.
type KeyedBatch struct {
	Key, SHA256 string
	Accepted    int
	LastSeq     int64
}

// Invitation lets in one person until a moment.
type Invitation struct {
	SHA256 string // of its code
	Until  time.Time
}

// Common is what a database keeps that is nobody's own.
type Common struct {
	Invitations []Invitation // sorted by their hashes
	// The highest numbers that were ever given to a chunk and to a row of a journal.
	LastChunk, LastRow int64
}

// Copies moves what one Store keeps into another: the first half shows it as it is, the
// second keeps it so, whatever the clock and the quotas say. Who copies keeps out of the
// target whoever else would write to it.
type Copies interface {
	// Accounts gives all users, sorted by id.
	Accounts(ctx context.Context) ([]Account, error)
	// ChunkRecords gives a user's chunks in the order of the manifest.
	ChunkRecords(ctx context.Context, userID string) ([]ChunkRecord, error)
	// KeyedBatches gives at most limit of a user's batches, sorted by key, behind after.
	KeyedBatches(ctx context.Context, userID, after string, limit int) ([]KeyedBatch, error)
	// Common gives the rest.
	Common(ctx context.Context) (Common, error)

	// KeepAccount keeps a user under their id, in place of what was known of them. It is
	// ErrUserExists where the name or the email is another's.
	KeepAccount(ctx context.Context, a Account) error
	// KeepChunk keeps a chunk under its number, in place of the one with its id. body is
	// read as in PutChunk. ErrNoUser where nobody has the id; so with KeepJournal.
	KeepChunk(ctx context.Context, userID string, c ChunkRecord, body io.Reader) error
	// KeepJournal adds rows with their numbers to the end of a journal, and remembers
	// batches; a key that is known already stays what it is.
	KeepJournal(ctx context.Context, userID string, rows []JournalRow, batches []KeyedBatch) error
	// KeepCommon keeps just these invitations, and gives no number again up to these. Those
	// of what is kept above are not given again either.
	KeepCommon(ctx context.Context, c Common) error
}

package store

import (
	"context"
	"io"
	"time"
)

// ChunkEntry is what the manifest says about a chunk.
type ChunkEntry struct {
	ID        string // letter case matters
	CreatedBy string // any text, U+0000 included
	CreatedAt time.Time
	Counts
	Version int
}

// Counts are how many rows of a chunk hold the values that they must have.
type Counts struct {
	Sessions, Memories, Prompts int
}

// NewChunk describes a chunk to keep. Its body is what a client sent: the chunk's
// data and an envelope around it.
type NewChunk struct {
	ID        string
	CreatedBy string
	Counts
	// Version is that of a manifest which lists the chunk, by what the rows show.
	Version    int
	DataSHA256 string // in hex, "" for a body without data
	BodySHA256 string // in hex
	Size       int64  // of the body
}

// Replaces says what becomes of c where its user has a chunk with its id, whose
// data has the given hash. The same data: false, nothing changes. Other data:
// ErrOtherData, with one exception. Old clients send reduced documents, whose
// data cannot hash to the id; data that does hash to it replaces such a one.
func (c NewChunk) Replaces(dataSHA256 string) (bool, error) {
	switch {
	case dataSHA256 == c.DataSHA256:
		return false, nil
	case c.startsHash(dataSHA256) || !c.startsHash(c.DataSHA256):
		return false, ErrOtherData
	}
	return true, nil
}

// startsHash says whether the id belongs to data: it starts the data's hash.
func (c NewChunk) startsHash(sum string) bool {
	return len(sum) >= len(c.ID) && sum[:len(c.ID)] == c.ID
}

// Body is the stored body of a chunk, to be read in whole or in parts.
type Body struct {
	io.ReadSeeker
	SHA256 string // of all of it, in hex
}

// Chunks keeps the chunks of each user apart from those of others.
type Chunks interface {
	// PutChunk keeps a chunk, once: where the user has one with its id,
	// NewChunk.Replaces decides, and ErrOtherData is the refusal; that of the user's quota is a
	// *QuotaError. body is read in
	// the transaction, piece by piece, so it must not wait for a client; its
	// errors come back wrapped.
	PutChunk(ctx context.Context, userID string, c NewChunk, body io.Reader) error
	// OpenChunk gives a chunk's body, or ErrNoChunk. It is never in memory as a
	// whole, nor does it hold a transaction between two reads, so that a slow client
	// delays nobody. ctx bounds the reads too. They fail, instead of
	// giving a mixture, once the chunk has been replaced.
	OpenChunk(ctx context.Context, userID, chunkID string) (Body, error)
	// Manifest shows take a user's chunks in the order in which they were put, a
	// replacement last, and gives the tag of just this list. take is called in the transaction, so
	// it must not wait for a client; its errors come back wrapped. ErrNoUser where nobody has the id; so with ManifestTag.
	Manifest(ctx context.Context, userID string, take func(ChunkEntry) error) (tag string, err error)
	// ManifestTag gives the tag of the list that Manifest would give. Each change
	// of the list makes a new one, never used before; nothing else does.
	ManifestTag(ctx context.Context, userID string) (string, error)
}

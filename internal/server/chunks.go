package server

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"
)

// pieceSize is how much of a body is in one row, and so in memory at a time.
const pieceSize = 256 << 10

var (
	errNoChunk          = errors.New("chunk not found")
	errDifferentContent = errors.New("a chunk with this id and different content exists")
)

// chunkStore keeps the chunks of each account.
type chunkStore struct {
	db *database
}

// put stores a chunk, once: if the account has one with this id and the same
// data, nothing changes. Other data is errDifferentContent, with one exception:
// old clients send reduced documents, whose data cannot hash to the id. Data
// that does hash to it replaces such a one.
func (s *chunkStore) put(ctx context.Context, userID string, in incoming, at time.Time) error {
	return s.db.update(ctx, func(tx *sql.Tx) error {
		var seq int64
		var dataSum string
		err := tx.QueryRowContext(ctx, "SELECT seq, coalesce(data_sha256, '') FROM chunks WHERE user_id = ? AND chunk_id = ?",
			userID, in.chunkID).Scan(&seq, &dataSum)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return insertChunk(ctx, tx, userID, in, at)
		case err != nil:
			return err
		case dataSum == in.dataSum:
			return nil
		case fits(in.chunkID, dataSum) || !fits(in.chunkID, in.dataSum):
			return errDifferentContent
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM chunks WHERE seq = ?", seq); err != nil {
			return err
		}
		return insertChunk(ctx, tx, userID, in, at)
	})
}

// fits says whether an id belongs to data: it starts the data's SHA-256.
func fits(chunkID, dataSum string) bool {
	return len(dataSum) >= len(chunkID) && dataSum[:len(chunkID)] == chunkID
}

func insertChunk(ctx context.Context, tx *sql.Tx, userID string, in incoming, at time.Time) error {
	result, err := tx.ExecContext(ctx, `INSERT INTO chunks
		(user_id, chunk_id, created_by, created_at, sessions, memories, prompts, size, body_sha256, data_sha256)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, ''))`,
		userID, in.chunkID, in.createdBy, timestamp(at), in.sessions, in.memories, in.prompts, in.size, in.bodySum, in.dataSum)
	if err != nil {
		return err
	}
	seq, err := result.LastInsertId()
	if err != nil {
		return err
	}
	if err := insertPieces(ctx, tx, seq, in.body); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE users SET manifest_tag = ? WHERE id = ?", rand.Text(), userID)
	return err
}

func insertPieces(ctx context.Context, tx *sql.Tx, seq int64, body io.Reader) error {
	insert, err := tx.PrepareContext(ctx, "INSERT INTO pieces (chunk, start, bytes) VALUES (?, ?, ?)")
	if err != nil {
		return err
	}
	piece := make([]byte, pieceSize)
	for start := int64(0); ; {
		n, err := io.ReadFull(body, piece)
		if err == io.EOF {
			break
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return both(fmt.Errorf("%w: %w", errSpool, err), insert.Close())
		}
		if _, err := insert.ExecContext(ctx, seq, start, piece[:n]); err != nil {
			return both(err, insert.Close())
		}
		start += int64(n)
	}
	return insert.Close()
}

// manifestEntry is one chunk in the manifest of its account.
type manifestEntry struct {
	ID        string `json:"id"`
	CreatedBy string `json:"created_by"`
	CreatedAt string `json:"created_at"`
	Sessions  int    `json:"sessions"`
	Memories  int    `json:"memories"`
	Prompts   int    `json:"prompts"`
}

// manifest lists an account's chunks in the order in which they were stored,
// and gives the tag of just this list. If enough says so of the tag, the list
// is not read.
func (s *chunkStore) manifest(ctx context.Context, userID string, enough func(tag string) bool) (tag string, entries []manifestEntry, err error) {
	err = s.db.view(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, "SELECT manifest_tag FROM users WHERE id = ?", userID).Scan(&tag)
		if err != nil || enough(tag) {
			return err
		}
		entries, err = listChunks(ctx, tx, userID)
		return err
	})
	return tag, entries, err
}

func listChunks(ctx context.Context, tx *sql.Tx, userID string) (entries []manifestEntry, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT chunk_id, created_by, created_at, sessions, memories, prompts
		FROM chunks WHERE user_id = ? ORDER BY seq`, userID)
	if err != nil {
		return nil, err
	}
	defer func() { err = both(err, rows.Close()) }()
	entries = []manifestEntry{} // an empty list must not become null
	for rows.Next() {
		var e manifestEntry
		if err := rows.Scan(&e.ID, &e.CreatedBy, &e.CreatedAt, &e.Sessions, &e.Memories, &e.Prompts); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, rows.Err()
}

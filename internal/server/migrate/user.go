package migrate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// How much of a journal is one transaction of the target.
const (
	rowsAtOnce  = 1000
	bytesAtOnce = 4 << 20
)

// copy brings what the target lacks of one user.
func (p *person) copy(ctx context.Context, from, to store.Store) (err error) {
	if p.found.Copied = !p.known; p.found.Copied {
		if err := to.KeepAccount(ctx, p.account); err != nil {
			return err
		}
	}
	if p.chunks, err = from.ChunkRecords(ctx, p.account.ID); err != nil {
		return err
	}
	p.found.Chunks = len(p.chunks)
	for _, c := range p.chunks {
		p.found.Bytes += c.Size
		if p.there[c.Seq] {
			continue
		}
		if err := p.copyChunk(ctx, from, to, c); err != nil {
			return fmt.Errorf("chunk %q: %w", c.ID, err)
		}
		p.found.NewChunks++
	}
	last, err := p.copyRows(ctx, from, to)
	if err != nil {
		return err
	}
	return p.copyBatches(ctx, from, to, last)
}

func (p *person) copyChunk(ctx context.Context, from, to store.Store, c store.ChunkRecord) error {
	body, err := from.OpenChunk(ctx, p.account.ID, c.ID)
	if errors.Is(err, store.ErrNoChunk) || err == nil && body.SHA256 != c.BodySHA256 {
		return ErrChanged
	}
	if err != nil {
		return err
	}
	err = to.KeepChunk(ctx, p.account.ID, c, newChecked(body, c))
	if err != nil {
		// The rest of a body is gone with the chunk.
		if now, gone := from.OpenChunk(ctx, p.account.ID, c.ID); errors.Is(gone, store.ErrNoChunk) || gone == nil && now.SHA256 != c.BodySHA256 {
			return ErrChanged
		}
	}
	return err
}

// copyRows gives the number of the last row up to which the target has the journal then.
func (p *person) copyRows(ctx context.Context, from, to store.Store) (last int64, err error) {
	p.journal = newDigest()
	for {
		var size int64
		var rows []store.JournalRow
		head, err := from.ReadMutations(ctx, p.account.ID, last, rowsAtOnce, func(r store.JournalRow) bool {
			last = r.Seq
			p.journal.row(r)
			size += r.Bytes()
			if r.Seq > p.head {
				r.Payload = bytes.Clone(r.Payload)
				rows = append(rows, r)
			}
			return size < bytesAtOnce
		})
		if err != nil {
			return 0, err
		}
		if len(rows) > 0 {
			if err := to.KeepJournal(ctx, p.account.ID, rows, nil); err != nil {
				return 0, err
			}
			p.found.NewRows += len(rows)
		}
		if last >= head {
			p.found.Rows = p.journal.n
			return last, nil
		}
	}
}

// copyBatches brings what is remembered of pushes whose rows are there.
func (p *person) copyBatches(ctx context.Context, from, to store.Store, last int64) error {
	p.batches = newDigest()
	err := eachPage(ctx, from, p.account.ID, func(batches []store.KeyedBatch) error {
		batches = slices.DeleteFunc(batches, func(b store.KeyedBatch) bool { return b.LastSeq > last })
		for _, b := range batches {
			p.batches.batch(b)
		}
		return to.KeepJournal(ctx, p.account.ID, nil, batches)
	})
	p.found.Batches = p.batches.n
	return err
}

// eachPage goes through what is remembered of a user's pushes.
func eachPage(ctx context.Context, st store.Store, userID string, take func([]store.KeyedBatch) error) error {
	after := ""
	for {
		batches, err := st.KeyedBatches(ctx, userID, after, rowsAtOnce)
		if err != nil || len(batches) == 0 {
			return err
		}
		after = batches[len(batches)-1].Key
		if err := take(batches); err != nil {
			return err
		}
	}
}

// verify reads back all that the target has of one user.
func (p *person) verify(ctx context.Context, to store.Store) error {
	chunks, err := to.ChunkRecords(ctx, p.account.ID)
	if err != nil {
		return err
	}
	if !slices.Equal(chunks, p.chunks) {
		return fmt.Errorf("%w: the list of %d chunks is another, of %d", ErrDiffers, len(p.chunks), len(chunks))
	}
	for _, c := range chunks {
		if err := verifyChunk(ctx, to, p.account.ID, c); err != nil {
			return fmt.Errorf("chunk %q: %w", c.ID, err)
		}
	}
	journal := newDigest()
	for last, head := int64(0), int64(1); last < head; {
		var size int64
		head, err = to.ReadMutations(ctx, p.account.ID, last, rowsAtOnce, func(r store.JournalRow) bool {
			last = r.Seq
			journal.row(r)
			size += r.Bytes()
			return size < bytesAtOnce
		})
		if err != nil {
			return err
		}
	}
	if journal.sum() != p.journal.sum() {
		return fmt.Errorf("%w: the journal of %d mutations is another, of %d", ErrDiffers, p.journal.n, journal.n)
	}
	batches := newDigest()
	err = eachPage(ctx, to, p.account.ID, func(some []store.KeyedBatch) error {
		for _, b := range some {
			batches.batch(b)
		}
		return nil
	})
	if err == nil && batches.sum() != p.batches.sum() {
		err = fmt.Errorf("%w: %d idempotency keys are others, %d of them", ErrDiffers, p.batches.n, batches.n)
	}
	return err
}

func verifyChunk(ctx context.Context, to store.Store, userID string, c store.ChunkRecord) error {
	body, err := to.OpenChunk(ctx, userID, c.ID)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, newChecked(body, c))
	if err == nil && n != c.Size {
		err = fmt.Errorf("%w: %d bytes instead of %d", ErrDiffers, n, c.Size)
	}
	return err
}

// verifyAccounts looks whether the target has just these accounts.
func verifyAccounts(ctx context.Context, to store.Store, people []person) error {
	got, err := to.Accounts(ctx)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(people, got, func(p person, a store.Account) bool { return p.account == a }) {
		return fmt.Errorf("%w: the accounts are others", ErrDiffers)
	}
	return nil
}

// verifyCommon looks whether the target has what is nobody's own.
func verifyCommon(ctx context.Context, to store.Store, want store.Common) error {
	got, err := to.Common(ctx)
	if err != nil {
		return err
	}
	if !slices.Equal(got.Invitations, want.Invitations) || got.LastChunk < want.LastChunk || got.LastRow < want.LastRow {
		return fmt.Errorf("%w: the invitations or the numbers in use are others", ErrDiffers)
	}
	return nil
}

// Package migrate copies what one store.Store keeps into another one, of whatever kind, and
// reads back whether all of it got there. internal/server calls it; it knows the contract
// of the store, and no database.
package migrate

import (
	"context"
	"errors"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

var (
	// ErrOther says that the target holds what the source does not.
	ErrOther = errors.New("the target holds something else")
	// ErrChanged says that the source was changed in a way that the same call again copes with.
	ErrChanged = store.WithKind(store.ErrUnavailable, errors.New("the source was changed meanwhile: run it again"))
	// ErrDiffers says that what was read back from the target is not what the source has.
	ErrDiffers = store.WithKind(store.ErrDamaged, errors.New("the target has not what the source has"))
)

// User is what was found of one user, in both. The JSON form is stable.
type User struct {
	Username string `json:"username"`
	Chunks   int    `json:"chunks"`
	Bytes    int64  `json:"bytes"` // of the chunks' bodies, uncompressed
	Rows     int    `json:"mutations"`
	Batches  int    `json:"idempotency_keys"`
	// What of it was not there before, or another.
	Copied    bool `json:"account_copied"`
	NewChunks int  `json:"chunks_copied"`
	NewRows   int  `json:"mutations_copied"`
}

// Copy makes to hold what from holds, and tells of each user once all of theirs was read
// back. Whatever to has of it is not copied again, so after an error the same call
// goes on. Before anything is written, ErrOther says that to has what from has not.
//
// from may be in use: of each user to then has the chunks of one moment and the journal
// up to another. What came later comes with the next call.
func Copy(ctx context.Context, from, to store.Store, tell func(User)) error {
	people, err := compare(ctx, from, to)
	if err != nil {
		return err
	}
	for i := range people {
		if err := people[i].copy(ctx, from, to); err != nil {
			return fmt.Errorf("copy %q: %w", people[i].account.Name, err)
		}
	}
	common, err := from.Common(ctx)
	if err != nil {
		return err
	}
	if err := to.KeepCommon(ctx, common); err != nil {
		return err
	}
	if err := verifyCommon(ctx, to, common); err != nil {
		return err
	}
	if err := verifyAccounts(ctx, to, people); err != nil {
		return err
	}
	for i := range people {
		if err := people[i].verify(ctx, to); err != nil {
			return fmt.Errorf("verify %q: %w", people[i].account.Name, err)
		}
		tell(people[i].found)
	}
	return nil
}

// person is a user of the source, and what is known of them in both.
type person struct {
	account store.Account
	chunks  []store.ChunkRecord // of the source
	there   map[int64]bool      // the numbers of those that the target has
	known   bool                // the target has the same account
	head    int64               // of the target's journal

	journal, batches digest // of the source, up to where it was copied
	found            User
}

// compare refuses a target which has anything that the source has not.
func compare(ctx context.Context, from, to store.Store) ([]person, error) {
	theirs, err := to.Accounts(ctx) // first: the source may only get more
	if err != nil {
		return nil, err
	}
	ours, err := from.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	people := make([]person, len(ours))
	byID := make(map[string]*person, len(ours))
	for i, a := range ours {
		people[i] = person{account: a, there: map[int64]bool{}, found: User{Username: a.Name}}
		byID[a.ID] = &people[i]
	}
	for _, a := range theirs {
		p := byID[a.ID]
		if p == nil || p.account.Name != a.Name {
			return nil, fmt.Errorf("%w: an account %q, which is not of the source", ErrOther, a.Name)
		}
		p.known = p.account == a
		if err := p.compare(ctx, from, to); err != nil {
			return nil, err
		}
	}
	return people, nil
}

// compare is that of all, for one user whom both have.
func (p *person) compare(ctx context.Context, from, to store.Store) error {
	theirs, err := to.ChunkRecords(ctx, p.account.ID)
	if err != nil {
		return err
	}
	ours, err := from.ChunkRecords(ctx, p.account.ID)
	if err != nil {
		return err
	}
	byID := make(map[string]store.ChunkRecord, len(ours))
	for _, c := range ours {
		byID[c.ID] = c
	}
	for _, c := range theirs {
		if !isOf(c, byID[c.ID]) {
			return fmt.Errorf("%w: chunk %q of %q is not of the source, so something was pushed to the target", ErrOther, c.ID, p.account.Name)
		}
		p.there[c.Seq] = true
	}
	last, head, err := lastRow(ctx, to, p.account.ID)
	if err != nil || head == 0 {
		return err
	}
	same, err := rowAt(ctx, from, p.account.ID, head)
	if err != nil {
		return err
	}
	if same != last {
		return fmt.Errorf("%w: mutation %d of %q is not of the source, so something was pushed to the target", ErrOther, head, p.account.Name)
	}
	p.head = head
	return nil
}

// isOf says whether a chunk of the target is one that the source has, or had until it was
// replaced by now.
func isOf(c, now store.ChunkRecord) bool {
	if c == now {
		return true
	}
	replaced, err := now.Replaces(c.DataSHA256)
	return now.ID == c.ID && now.Seq > c.Seq && err == nil && replaced
}

// lastRow gives what identifies the last row of a journal, and its number.
func lastRow(ctx context.Context, st store.Store, userID string) (row [32]byte, head int64, err error) {
	head, err = st.ReadMutations(ctx, userID, 0, 0, nil)
	if err != nil || head == 0 {
		return row, 0, err
	}
	row, err = rowAt(ctx, st, userID, head)
	return row, head, err
}

// rowAt gives what identifies the row of this number: zeros if there is none.
func rowAt(ctx context.Context, st store.Store, userID string, seq int64) (row [32]byte, err error) {
	_, err = st.ReadMutations(ctx, userID, seq-1, 1, func(r store.JournalRow) bool {
		if r.Seq == seq {
			d := newDigest()
			d.row(r)
			row = d.sum()
		}
		return false
	})
	return row, err
}

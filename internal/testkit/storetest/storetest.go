// Package storetest holds implementations of store.Store to every promise that
// the comments of its interfaces make. The tests of each implementation call Run.
package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// Database is a new, empty database for one test.
type Database interface {
	// Open opens one more Store on it, with this clock. It is closed with the
	// test, before which the suite may have closed it.
	Open(now func() time.Time) store.Store
	// Fill leaves no room for what st would store; empty makes room again.
	Fill(st store.Store) (empty func())
}

// Run runs all tests of the contract. fresh makes a Database, and ends the test
// if it cannot.
func Run(t *testing.T, fresh func(t *testing.T) Database) {
	for _, group := range []map[string]func(*testing.T, Database){calls, users, admission, sessions, chunks, journals, copies} {
		for name, test := range group {
			t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
		}
	}
}

// one opens a Store whose clock is the system's.
func one(db Database) store.Store { return db.Open(time.Now) }

// must takes what a call gave, and ends the test if it failed.
func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		done(t, err)
		return v
	}
}

// done ends the test if a call failed.
func done(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fails tells of a call whose error is not all of these.
func fails(t *testing.T, what string, err error, kinds ...error) {
	t.Helper()
	for _, kind := range kinds {
		if !errors.Is(err, kind) {
			t.Errorf("%s: got %v, which is not %q", what, err, kind)
		}
	}
}

// user makes one with a password hash that is like no other.
func user(t *testing.T, st store.Store, name string) store.User {
	t.Helper()
	return must(st.CreateUser(t.Context(), name, name+"@example.com", "hash of "+name))(t)
}

// clock is one that tests set, or that goes on with every look at it.
type clock struct {
	mu   sync.Mutex
	now  time.Time
	step time.Duration
}

func newClock() *clock {
	// Of another zone, and finer than what is kept.
	zone := time.FixedZone("east", 5*60*60)
	return &clock{now: time.Date(2026, 11, 23, 12, 0, 0, 123_456_789, zone)}
}

// kept is how a Store gives back the time that the clock shows.
func (c *clock) kept() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now.UTC().Truncate(time.Microsecond)
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(c.step)
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// exactly wants a time as it is kept: the same moment in UTC.
func exactly(t *testing.T, what string, got, want time.Time) {
	t.Helper()
	if !got.Equal(want) || got.Location() != time.UTC {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// chunk describes a body whose data has this hash.
func chunk(id, dataSum string, body []byte) store.NewChunk {
	sum := sha256.Sum256(body)
	return store.NewChunk{
		ID:         id,
		CreatedBy:  "dev",
		Counts:     store.Counts{Sessions: 1, Memories: 2, Prompts: 3},
		DataSHA256: dataSum,
		BodySHA256: hex.EncodeToString(sum[:]),
		Size:       int64(len(body)),
	}
}

// put keeps a chunk with this text as its body.
func put(ctx context.Context, st store.Store, u store.User, id, dataSum string, body []byte) error {
	return st.PutChunk(ctx, u.ID, chunk(id, dataSum, body), bytes.NewReader(body))
}

// together runs what it is given at the same time, and waits for all.
func together(n int, do func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

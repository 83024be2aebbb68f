package migrate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/server/migrate"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

// lying is a target that gives back something else than it was given.
type lying struct {
	store.Store
	chunks  func(c *store.ChunkRecord)
	body    func(text []byte)
	row     func(r *store.JournalRow)
	batch   func(b *store.KeyedBatch)
	account func(a *store.Account)
}

func (l lying) KeepAccount(ctx context.Context, a store.Account) error {
	l.account(&a)
	return l.Store.KeepAccount(ctx, a)
}

func (l lying) KeepChunk(ctx context.Context, userID string, c store.ChunkRecord, body io.Reader) error {
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	l.chunks(&c)
	l.body(text)
	return l.Store.KeepChunk(ctx, userID, c, bytes.NewReader(text))
}

func (l lying) KeepJournal(ctx context.Context, userID string, rows []store.JournalRow, batches []store.KeyedBatch) error {
	for i := range rows {
		l.row(&rows[i])
	}
	for i := range batches {
		l.batch(&batches[i])
	}
	return l.Store.KeepJournal(ctx, userID, rows, batches)
}

func TestWhatIsReadBackMustBeTheSame(t *testing.T) {
	for name, lie := range map[string]func(l *lying){
		"a time":    func(l *lying) { l.chunks = func(c *store.ChunkRecord) { c.CreatedAt = c.CreatedAt.Add(time.Second) } },
		"a byte":    func(l *lying) { l.body = func(text []byte) { text[len(text)-1]++ } },
		"a payload": func(l *lying) { l.row = func(r *store.JournalRow) { r.Payload = []byte("{}") } },
		"when it was": func(l *lying) {
			l.row = func(r *store.JournalRow) { r.OccurredAt = r.OccurredAt.Add(time.Microsecond) }
		},
		"an answer":       func(l *lying) { l.batch = func(b *store.KeyedBatch) { b.Accepted++ } },
		"a password":      func(l *lying) { l.account = func(a *store.Account) { a.PasswordHash = "other" } },
		"nothing but lag": func(*lying) {},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := kinds["sqlite"](t), kinds["sqlite"](t)
			fill(t, from, 4, 2)
			l := lying{to, func(*store.ChunkRecord) {}, func([]byte) {}, func(*store.JournalRow) {}, func(*store.KeyedBatch) {}, func(*store.Account) {}}
			lie(&l)
			err := migrate.Copy(t.Context(), from, l, func(migrate.User) {})
			if honest := name == "nothing but lag"; honest != (err == nil) || !honest && !errors.Is(err, store.ErrDamaged) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Pushes to the source go on: each run copies what holds together, and the last one the rest.
func TestTheSourceMayBeInUse(t *testing.T) {
	eachWay(t, func(t *testing.T, from, to store.Store) {
		alice, bob := fill(t, from, 4, 2)
		done(t, from.SetQuota(t.Context(), "bob", 0))
		var enough atomic.Bool
		var pushers sync.WaitGroup
		for i, u := range []store.User{alice, bob, alice} {
			pushers.Go(func() {
				for n := 0; n < 30 && !enough.Load(); n++ {
					push(t, from, u, fmt.Sprintf("%04x%04x", i+1, n), "", "one of many")
					note(t, from, u, fmt.Sprint("pusher ", i, n), n%3)
				}
			})
		}
		for range 3 {
			if err := migrate.Copy(t.Context(), from, to, func(migrate.User) {}); err != nil {
				t.Error(err)
			}
		}
		enough.Store(true)
		pushers.Wait()
		migrated(t, from, to)
		wantSame(t, from, to)
	})
}

// replaced is a source whose chunk is replaced between the list of chunks and its body.
type replaced struct {
	store.Store
	replace func()
}

func (r replaced) OpenChunk(ctx context.Context, userID, chunkID string) (store.Body, error) {
	r.replace()
	return r.Store.OpenChunk(ctx, userID, chunkID)
}

func TestAChunkThatIsReplacedMeanwhileTakesAnotherRun(t *testing.T) {
	from, to := kinds["sqlite"](t), kinds["sqlite"](t)
	u := user(t, from, "alice")
	push(t, from, u, "00000001", "other", "reduced")
	source := replaced{from, sync.OnceFunc(func() { push(t, from, u, "00000001", "00000001ff", "the true one") })}
	err := migrate.Copy(t.Context(), source, to, func(migrate.User) {})
	if !errors.Is(err, migrate.ErrChanged) || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	migrated(t, source, to)
	wantSame(t, from, to)
}

// late is a source to whose journal somebody adds once it was read.
type late struct {
	store.Store
	add func()
}

func (l late) KeyedBatches(ctx context.Context, userID, after string, limit int) ([]store.KeyedBatch, error) {
	l.add()
	return l.Store.KeyedBatches(ctx, userID, after, limit)
}

func TestNoBatchIsRememberedWithoutItsMutations(t *testing.T) {
	from, to := kinds["sqlite"](t), kinds["sqlite"](t)
	u := user(t, from, "alice")
	note(t, from, u, "before", 2)
	migrated(t, late{from, func() { note(t, from, u, "after", 2) }}, to)
	batches := must(to.KeyedBatches(t.Context(), u.ID, "", 9))(t)
	if len(batches) != 1 || batches[0].Key != "before" {
		t.Errorf("remembered %+v", batches)
	}
	migrated(t, from, to)
	wantSame(t, from, to)
}

// rotten is a source that has lost a byte.
type rotten struct{ store.Store }

func (r rotten) OpenChunk(ctx context.Context, userID, chunkID string) (store.Body, error) {
	b, err := r.Store.OpenChunk(ctx, userID, chunkID)
	b.ReadSeeker = bytes.NewReader([]byte("chunk ?"))
	return b, err
}

func TestADamagedBodyIsNotCopied(t *testing.T) {
	from, to := kinds["sqlite"](t), kinds["sqlite"](t)
	u := user(t, from, "alice")
	push(t, from, u, "00000001", "", "chunk 1")
	err := migrate.Copy(t.Context(), rotten{from}, to, func(migrate.User) {})
	if !errors.Is(err, store.ErrDamaged) || !strings.HasPrefix(err.Error(), `copy "alice": chunk "00000001": `) {
		t.Errorf("got %v", err)
	}
	if chunks := must(to.ChunkRecords(t.Context(), u.ID))(t); len(chunks) != 0 {
		t.Errorf("kept %+v", chunks)
	}
}

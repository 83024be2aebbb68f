package migrate_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/engram-sync/engram-sync/internal/server/migrate"
	"github.com/engram-sync/engram-sync/internal/server/postgres"
	"github.com/engram-sync/engram-sync/internal/server/sqlite"
	"github.com/engram-sync/engram-sync/internal/server/store"
	"github.com/engram-sync/engram-sync/internal/testkit/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main{M: m}.Run() }

// kinds are the databases that each test goes through, as a source and as a target.
var kinds = map[string]func(t *testing.T) store.Store{
	"sqlite": func(t *testing.T) store.Store {
		return opened(t)(sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "server.db"), time.Now))
	},
	"postgres": func(t *testing.T) store.Store {
		return postgresOpened(t)(postgres.Open(t.Context(), pgtest.Database(t), time.Now))
	},
}

func opened(t *testing.T) func(*sqlite.Store, error) store.Store {
	return func(s *sqlite.Store, err error) store.Store { return kept(t, s, err) }
}

func postgresOpened(t *testing.T) func(*postgres.Store, error) store.Store {
	return func(s *postgres.Store, err error) store.Store { return kept(t, s, err) }
}

func kept(t *testing.T, s store.Store, err error) store.Store {
	t.Helper()
	done(t, err)
	t.Cleanup(func() { done(t, s.Close()) })
	return s
}

// eachWay runs a test with a source of one kind and a target of the other.
func eachWay(t *testing.T, test func(t *testing.T, from, to store.Store)) {
	for _, way := range [][2]string{{"sqlite", "postgres"}, {"postgres", "sqlite"}} {
		t.Run(way[0]+" to "+way[1], func(t *testing.T) {
			test(t, kinds[way[0]](t), kinds[way[1]](t))
		})
	}
}

func done(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		done(t, err)
		return v
	}
}

func user(t *testing.T, st store.Store, name string) store.User {
	t.Helper()
	return must(st.CreateUser(t.Context(), name, name+"@example.com", "hash of "+name))(t)
}

// push keeps a chunk whose data has this hash.
func push(t *testing.T, st store.Store, u store.User, id, dataSum, body string) {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	c := store.NewChunk{ID: id, CreatedBy: u.Name, DataSHA256: dataSum, BodySHA256: hex.EncodeToString(sum[:]), Size: int64(len(body))}
	done(t, st.PutChunk(t.Context(), u.ID, c, bytes.NewReader([]byte(body))))
}

// note adds so many mutations under a key.
func note(t *testing.T, st store.Store, u store.User, key string, n int) {
	t.Helper()
	b := store.Batch{SHA256: key}
	for i := range n {
		b.Mutations = append(b.Mutations, store.Mutation{Entity: "prompt", EntityKey: fmt.Sprint(i), Op: "upsert", Payload: fmt.Appendf(nil, `{ "n": %d }`, i)})
	}
	must(st.AppendMutations(t.Context(), u.ID, key, b))(t)
}

// fill gives a store two users and the built-in one, with something of everything: 5 batches
// of so many mutations for alice, and so many empty ones.
func fill(t *testing.T, st store.Store, rows, empty int) (alice, bob store.User) {
	t.Helper()
	gone := user(t, st, "gone") // whose numbers are not given again
	alice, bob = user(t, st, "alice"), user(t, st, "bob")
	must(st.LocalUser(t.Context()))(t)
	done(t, st.SetKey(t.Context(), alice, "key of alice"))
	for i := range 5 {
		push(t, st, alice, fmt.Sprintf("%08x", i), "", fmt.Sprint("chunk ", i))
		push(t, st, bob, fmt.Sprintf("%08x", i), "", fmt.Sprint("his chunk ", i))
		note(t, st, alice, fmt.Sprint("key ", i), rows)
		note(t, st, bob, "", 3)
	}
	push(t, st, alice, "ffffffff", "other", string(make([]byte, 900_000)))
	done(t, st.SetQuota(t.Context(), "bob", 5)) // less than he keeps
	done(t, st.SetDisabled(t.Context(), "bob", true))
	done(t, st.Invite(t.Context(), "hash of a code", time.Date(2126, 11, 23, 0, 0, 0, 0, time.UTC)))
	push(t, st, gone, "00000001", "", "gone")
	note(t, st, gone, "", 2)
	done(t, st.DeleteUser(t.Context(), "gone"))
	var batches []store.KeyedBatch
	for i := range empty {
		batches = append(batches, store.KeyedBatch{Key: fmt.Sprintf("empty %04d", i), SHA256: fmt.Sprint(i)})
	}
	done(t, st.KeepJournal(t.Context(), alice.ID, nil, batches))
	return alice, bob
}

// content is all that a store keeps, but for the tags of manifests.
type content struct {
	Accounts []store.Account
	Usage    []store.UserUsage
	Common   store.Common
	Chunks   map[string][]store.ChunkRecord
	Bodies   map[string]string
	Rows     map[string][]store.JournalRow
	Batches  map[string][]store.KeyedBatch
}

func contentOf(t *testing.T, st store.Store) content {
	t.Helper()
	c := content{
		Accounts: must(st.Accounts(t.Context()))(t), Usage: must(st.ListUsers(t.Context()))(t), Common: must(st.Common(t.Context()))(t),
		Chunks: map[string][]store.ChunkRecord{}, Bodies: map[string]string{}, Rows: map[string][]store.JournalRow{}, Batches: map[string][]store.KeyedBatch{},
	}
	for _, a := range c.Accounts {
		c.Chunks[a.Name] = must(st.ChunkRecords(t.Context(), a.ID))(t)
		for _, chunk := range c.Chunks[a.Name] {
			body := must(st.OpenChunk(t.Context(), a.ID, chunk.ID))(t)
			c.Bodies[a.Name+" "+chunk.ID] = string(must(io.ReadAll(body))(t))
		}
		_, err := st.ReadMutations(t.Context(), a.ID, 0, 1<<20, func(r store.JournalRow) bool {
			r.Payload = bytes.Clone(r.Payload)
			c.Rows[a.Name] = append(c.Rows[a.Name], r)
			return true
		})
		done(t, err)
		c.Batches[a.Name] = must(st.KeyedBatches(t.Context(), a.ID, "", 1<<20))(t)
	}
	return c
}

func wantSame(t *testing.T, from, to store.Store) {
	t.Helper()
	if diff := cmp.Diff(contentOf(t, from), contentOf(t, to), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-source +target):\n%.4000s", diff)
	}
}

// migrated copies, and gives what was told of each user.
func migrated(t *testing.T, from, to store.Store) map[string]migrate.User {
	t.Helper()
	told := map[string]migrate.User{}
	done(t, migrate.Copy(t.Context(), from, to, func(u migrate.User) { told[u.Username] = u }))
	return told
}

func TestTheTargetHasAllThatTheSourceHas(t *testing.T) {
	eachWay(t, func(t *testing.T, from, to store.Store) {
		alice, bob := fill(t, from, 220, 1_100) // more than a page of either
		told := migrated(t, from, to)
		wantSame(t, from, to)
		want := migrate.User{Username: "alice", Chunks: 6, Bytes: 900_035, Rows: 1_100, Batches: 1_105, Copied: true, NewChunks: 6, NewRows: 1_100}
		if len(told) != 3 || told["alice"] != want {
			t.Errorf("told %+v", told)
		}

		// again: nothing to do
		want.Copied, want.NewChunks, want.NewRows = false, 0, 0
		if told = migrated(t, from, to); told["alice"] != want {
			t.Errorf("again: told %+v", told)
		}
		wantSame(t, from, to)

		// What came since, a replaced chunk among it, comes with the next one.
		push(t, from, alice, "00000003", "00000003ff", "the true one")
		push(t, from, bob, "0000000a", "", "")
		note(t, from, alice, "later", 1)
		done(t, from.SignOut(t.Context(), "alice"))
		user(t, from, "carol")
		told = migrated(t, from, to)
		wantSame(t, from, to)
		if a := told["alice"]; a.NewChunks != 1 || a.NewRows != 1 || !a.Copied || !told["carol"].Copied {
			t.Errorf("since: told %+v", told)
		}

		// No number of the source is given again, not even one of an account that is gone.
		last := must(from.Common(t.Context()))(t)
		push(t, to, alice, "0000000b", "", "new")
		note(t, to, alice, "", 1)
		if now := must(to.Common(t.Context()))(t); now.LastChunk <= last.LastChunk || now.LastRow <= last.LastRow {
			t.Errorf("from %+v to %+v", last, now)
		}
	})
}

// failing is a target that fails with the call number at.
type failing struct {
	store.Store
	at, calls int
}

var errCut = errors.New("cut")

func (f *failing) next() error {
	if f.calls++; f.calls == f.at {
		return errCut
	}
	return nil
}

func (f *failing) KeepAccount(ctx context.Context, a store.Account) error {
	return errors.Join(f.Store.KeepAccount(ctx, a), f.next()) // kept, and nobody hears of it
}

func (f *failing) KeepChunk(ctx context.Context, userID string, c store.ChunkRecord, body io.Reader) error {
	if err := f.next(); err != nil {
		return errors.Join(err, f.Store.KeepChunk(ctx, userID, c, io.LimitReader(body, c.Size/2)))
	}
	return f.Store.KeepChunk(ctx, userID, c, body)
}

func (f *failing) KeepJournal(ctx context.Context, userID string, rows []store.JournalRow, batches []store.KeyedBatch) error {
	return errors.Join(f.Store.KeepJournal(ctx, userID, rows, batches), f.next())
}

func (f *failing) KeepCommon(ctx context.Context, c store.Common) error {
	return errors.Join(f.Store.KeepCommon(ctx, c), f.next())
}

func TestARunThatWasCutGoesOn(t *testing.T) {
	eachWay(t, func(t *testing.T, from, to store.Store) {
		fill(t, from, 4, 2)
		cuts, chunks, rows := 0, 0, 0
		for err := errCut; err != nil; cuts++ { // each run gets one step further
			chunks, rows = 0, 0
			err = migrate.Copy(t.Context(), from, &failing{Store: to, at: cuts + 1}, func(u migrate.User) {
				chunks += u.NewChunks
				rows += u.NewRows
			})
			if err != nil && !errors.Is(err, errCut) {
				t.Fatal(err)
			}
		}
		wantSame(t, from, to)
		if cuts < 5 || chunks > 3 || rows > 20 {
			t.Errorf("%d runs; the last one still had %d chunks and %d rows to copy", cuts, chunks, rows)
		}
	})
}

func TestATargetWithSomethingElseIsRefusedAndStaysAsItIs(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, from, to store.Store, alice store.User){
		"an account": func(t *testing.T, _, to store.Store, _ store.User) { user(t, to, "eve") },
		"an account of the same name": func(t *testing.T, _, to store.Store, _ store.User) {
			done(t, to.DeleteUser(t.Context(), "alice"))
			user(t, to, "alice")
		},
		"a chunk":    func(t *testing.T, _, to store.Store, alice store.User) { push(t, to, alice, "0000000a", "", "new") },
		"a mutation": func(t *testing.T, _, to store.Store, alice store.User) { note(t, to, alice, "", 1) },
		"a true chunk": func(t *testing.T, _, to store.Store, alice store.User) {
			push(t, to, alice, "00000003", "00000003f", "true")
		},
		"a mutation with the number of another": func(t *testing.T, from, to store.Store, alice store.User) {
			note(t, to, alice, "there", 1)
			note(t, from, alice, "here", 1)
		},
		"what the true chunk with its number would replace": func(t *testing.T, from, to store.Store, alice store.User) {
			push(t, to, alice, "0000000a", "other", "reduced")
			push(t, from, alice, "0000000a", "0000000aff", "true")
		},
		"a chunk with the number of another": func(t *testing.T, from, to store.Store, alice store.User) {
			push(t, to, alice, "0000000a", "", "there")
			push(t, from, alice, "0000000a", "", "here")
		},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := kinds["sqlite"](t), kinds["sqlite"](t)
			alice, _ := fill(t, from, 4, 2)
			migrated(t, from, to)
			change(t, from, to, alice)
			user(t, from, "aaron") // whom nobody copies
			before := contentOf(t, to)
			err := migrate.Copy(t.Context(), from, to, func(u migrate.User) { t.Errorf("told of %+v", u) })
			if !errors.Is(err, migrate.ErrOther) {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(before, contentOf(t, to), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("it was changed (-before +after):\n%.4000s", diff)
			}
		})
	}
}

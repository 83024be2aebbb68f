package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// calls are what all methods promise.
var calls = map[string]func(*testing.T, Database){
	"every store sees a change at once, and after a restart": func(t *testing.T, db Database) {
		a, b := one(db), one(db)
		u := user(t, a, "alice")
		done(t, put(t.Context(), a, u, "00000001", "", []byte("body")))
		must(a.AppendMutations(t.Context(), u.ID, "key", batch("1", "a", "b")))(t)
		before := everything(t, a, u)
		if diff := cmp.Diff(before, everything(t, b, u)); diff != "" {
			t.Errorf("another store (-first +other):\n%s", diff)
		}
		done(t, errors.Join(a.Close(), b.Close()))
		if diff := cmp.Diff(before, everything(t, one(db), u)); diff != "" {
			t.Errorf("after a restart (-before +after):\n%s", diff)
		}
	},

	"a call whose context has ended is unavailable": func(t *testing.T, db Database) {
		st := one(db)
		u := user(t, st, "alice")
		done(t, put(t.Context(), st, u, "00000001", "", []byte("body")))
		before := everything(t, st, u)
		ended, end := context.WithCancel(t.Context())
		end()
		for name, call := range each(u) {
			fails(t, name, call(ended, st), store.ErrUnavailable, context.Canceled)
		}
		if diff := cmp.Diff(before, everything(t, st, u)); diff != "" {
			t.Errorf("they changed something (-before +after):\n%s", diff)
		}
	},

	"a call after Close is unavailable": func(t *testing.T, db Database) {
		st := one(db)
		u := user(t, st, "alice")
		const size = 4 << 20
		done(t, put(t.Context(), st, u, "00000001", "", make([]byte, size)))
		body := must(st.OpenChunk(t.Context(), u.ID, "00000001"))(t)
		must(io.ReadFull(body, make([]byte, 10)))(t)
		for range 2 { // the second one is fine
			done(t, st.Close())
		}
		for name, call := range each(u) {
			fails(t, name, call(t.Context(), st), store.ErrUnavailable)
		}
		_, err := io.Copy(io.Discard, body)
		fails(t, "reading on", err, store.ErrUnavailable)
	},

	"a full database is told, and nothing is lost in it": func(t *testing.T, db Database) {
		st := one(db)
		u := user(t, st, "alice")
		reduced, body := []byte("reduced"), make([]byte, 8<<20)
		done(t, put(t.Context(), st, u, "0cdb38de", "", reduced))
		must(st.AppendMutations(t.Context(), u.ID, "", batch("1", "a")))(t)
		before := everything(t, st, u)
		large := batch("2", "a", string(bytes.Repeat([]byte("b"), 8<<20)))

		empty := db.Fill(st)
		fails(t, "PutChunk", put(t.Context(), st, u, "0cdb38de", "0cdb38deff", body), store.ErrFull)
		_, err := st.AppendMutations(t.Context(), u.ID, "key", large)
		fails(t, "AppendMutations", err, store.ErrFull)
		if diff := cmp.Diff(before, everything(t, st, u)); diff != "" {
			t.Errorf("(-before +after):\n%s", diff)
		}
		empty()
		done(t, put(t.Context(), st, u, "0cdb38de", "0cdb38deff", body))
		if r := must(st.AppendMutations(t.Context(), u.ID, "key", large))(t); r.Replayed || r.Accepted != 2 {
			t.Errorf("the key was used up: %+v", r)
		}
	},

	"calls at one moment fail each for itself": func(t *testing.T, db Database) {
		stores := []store.Store{one(db), one(db)}
		u := user(t, stores[0], "alice")
		done(t, put(t.Context(), stores[0], u, "0000ffff", "sum", []byte("body")))
		must(stores[0].AppendMutations(t.Context(), u.ID, "taken", batch("1", "first")))(t)
		torn := errors.New("torn")
		const n = 40
		together(n, func(i int) {
			st, id := stores[i%2], fmt.Sprintf("%08x", i)
			switch i / 2 % 5 {
			case 0:
				fails(t, "other data", put(t.Context(), st, u, "0000ffff", "other", []byte("else")), store.ErrOtherData)
			case 1:
				_, err := st.AppendMutations(t.Context(), u.ID, "taken", batch("2", "other"))
				fails(t, "another batch", err, store.ErrOtherBatch)
			case 2: // when the half of it is written
				c := chunk(id, "", make([]byte, 300<<10))
				body := io.MultiReader(bytes.NewReader(make([]byte, 290<<10)), iotest.ErrReader(torn))
				fails(t, "a torn body", st.PutChunk(t.Context(), u.ID, c, body), torn)
			case 3:
				if err := put(t.Context(), st, u, id, "", []byte(id)); err != nil {
					t.Error(err)
				}
			case 4:
				if _, err := st.AppendMutations(t.Context(), u.ID, id, batch(id, id)); err != nil {
					t.Error(err)
				}
			}
		})
		s := everything(t, stores[0], u)
		if len(s.Entries) != 1+n/5 || len(s.Rows) != 1+n/5 {
			t.Errorf("%d chunks and %d rows", len(s.Entries), len(s.Rows))
		}
		for i, e := range s.Entries {
			if e.ID != "0000ffff" && s.Bodies[i] != e.ID {
				t.Errorf("chunk %s has the body %.20q", e.ID, s.Bodies[i])
			}
		}
	},

	"who asks gets to know what is kept, and how long commits take": func(t *testing.T, db Database) {
		st := one(db)
		commits := 0
		st.OnCommit(func(took time.Duration) {
			if took <= 0 {
				t.Errorf("a commit took %v", took)
			}
			commits++
		})
		before := must(st.Usage(t.Context()))(t)
		for _, name := range []string{"alice", "bob"} {
			u := user(t, st, name)
			done(t, put(t.Context(), st, u, "00000001", "", []byte("body of "+name)))
			must(st.AppendMutations(t.Context(), u.ID, "", batch("1", "a", "b")))(t)
		}
		u := must(st.Usage(t.Context()))(t)
		if u.DatabaseBytes < before.DatabaseBytes || u.DatabaseBytes == 0 {
			t.Errorf("%d bytes before, %d now", before.DatabaseBytes, u.DatabaseBytes)
		}
		u.DatabaseBytes = 0
		if diff := cmp.Diff(store.Usage{Accounts: 2, Chunks: 2, JournalRows: 4, Bytes: 24}, u); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if commits != 6 {
			t.Errorf("%d commits were told, want 6", commits)
		}
		done(t, st.Ready(t.Context()))
		if commits != 7 {
			t.Errorf("readiness is no change: %d commits", commits)
		}
	},

	"Ping answers": func(t *testing.T, db Database) {
		done(t, one(db).Ping(t.Context()))
	},
}

// each is a call of every method that can fail, for a user who has a chunk 00000001.
func each(u store.User) map[string]func(context.Context, store.Store) error {
	return map[string]func(context.Context, store.Store) error{
		"CreateUser": func(ctx context.Context, st store.Store) error {
			_, err := st.CreateUser(ctx, "bob", "b@x", "")
			return err
		},
		"Invite": func(ctx context.Context, st store.Store) error {
			return st.Invite(ctx, "sum", u.CreatedAt.Add(time.Hour))
		},
		"SetQuota":    func(ctx context.Context, st store.Store) error { return st.SetQuota(ctx, u.Name, 1<<30) },
		"Seen":        func(ctx context.Context, st store.Store) error { return st.Seen(ctx, u, "192.0.2.1", store.Session{}) },
		"Sessions":    func(ctx context.Context, st store.Store) error { _, err := st.Sessions(ctx, u.Name); return err },
		"SignOut":     func(ctx context.Context, st store.Store) error { return st.SignOut(ctx, u.Name) },
		"LocalUser":   func(ctx context.Context, st store.Store) error { _, err := st.LocalUser(ctx); return err },
		"UserByID":    func(ctx context.Context, st store.Store) error { _, err := st.UserByID(ctx, u.ID); return err },
		"UserByLogin": func(ctx context.Context, st store.Store) error { _, err := st.UserByLogin(ctx, u.Name); return err },
		"UserByKey":   func(ctx context.Context, st store.Store) error { _, err := st.UserByKey(ctx, "sum"); return err },
		"ListUsers":   func(ctx context.Context, st store.Store) error { _, err := st.ListUsers(ctx); return err },
		"SetDisabled": func(ctx context.Context, st store.Store) error { return st.SetDisabled(ctx, u.Name, true) },
		"SetPassword": func(ctx context.Context, st store.Store) error { return st.SetPassword(ctx, u.Name, "other") },
		"SetKey":      func(ctx context.Context, st store.Store) error { return st.SetKey(ctx, u, "sum") },
		"RemoveKey":   func(ctx context.Context, st store.Store) error { return st.RemoveKey(ctx, u.ID) },
		"PutChunk": func(ctx context.Context, st store.Store) error {
			return put(ctx, st, u, "00000002", "", []byte("body"))
		},
		"OpenChunk": func(ctx context.Context, st store.Store) error {
			_, err := st.OpenChunk(ctx, u.ID, "00000001")
			return err
		},
		"Manifest": func(ctx context.Context, st store.Store) error {
			_, err := st.Manifest(ctx, u.ID, func(store.ChunkEntry) error { return nil })
			return err
		},
		"ManifestTag": func(ctx context.Context, st store.Store) error { _, err := st.ManifestTag(ctx, u.ID); return err },
		"AppendMutations": func(ctx context.Context, st store.Store) error {
			_, err := st.AppendMutations(ctx, u.ID, "", batch("1", "a"))
			return err
		},
		"ReadMutations": func(ctx context.Context, st store.Store) error {
			_, err := st.ReadMutations(ctx, u.ID, 0, 1, func(store.JournalRow) bool { return true })
			return err
		},
		"Accounts":     func(ctx context.Context, st store.Store) error { _, err := st.Accounts(ctx); return err },
		"ChunkRecords": func(ctx context.Context, st store.Store) error { _, err := st.ChunkRecords(ctx, u.ID); return err },
		"KeyedBatches": func(ctx context.Context, st store.Store) error {
			_, err := st.KeyedBatches(ctx, u.ID, "", 1)
			return err
		},
		"Common":      func(ctx context.Context, st store.Store) error { _, err := st.Common(ctx); return err },
		"KeepAccount": func(ctx context.Context, st store.Store) error { return st.KeepAccount(ctx, store.Account{User: u}) },
		"KeepChunk": func(ctx context.Context, st store.Store) error {
			return st.KeepChunk(ctx, u.ID, store.ChunkRecord{NewChunk: chunk("00000003", "", nil), Seq: 99}, bytes.NewReader(nil))
		},
		"KeepJournal": func(ctx context.Context, st store.Store) error {
			return st.KeepJournal(ctx, u.ID, []store.JournalRow{row(99)}, nil)
		},
		"KeepCommon": func(ctx context.Context, st store.Store) error { return st.KeepCommon(ctx, store.Common{LastRow: 99}) },
		"Usage":      func(ctx context.Context, st store.Store) error { _, err := st.Usage(ctx); return err },
		"Ready":      func(ctx context.Context, st store.Store) error { return st.Ready(ctx) },
		"Ping":       func(ctx context.Context, st store.Store) error { return st.Ping(ctx) },
	}
}

// state is all that the contract shows of one user.
type state struct {
	Users   []store.UserUsage
	Tag     string
	Entries []store.ChunkEntry
	Bodies  []string
	Rows    []store.JournalRow
	Head    int64
}

func everything(t *testing.T, st store.Store, u store.User) state {
	t.Helper()
	s := state{Users: must(st.ListUsers(t.Context()))(t)}
	var err error
	s.Tag, s.Entries, err = list(t, st, u)
	done(t, err)
	for _, e := range s.Entries {
		s.Bodies = append(s.Bodies, text(t, st, u, e.ID))
	}
	s.Rows, s.Head = rows(t, st, u, 0, 1<<20)
	return s
}

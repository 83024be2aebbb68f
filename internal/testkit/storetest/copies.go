package storetest

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// copied is all that Copies shows, and the state of one user.
type copied struct {
	State    state
	Accounts []store.Account
	Records  []store.ChunkRecord
	Batches  []store.KeyedBatch
	Common   store.Common
}

func copyOf(t *testing.T, st store.Store, u store.User) copied {
	t.Helper()
	c := copied{
		State:    everything(t, st, u),
		Accounts: must(st.Accounts(t.Context()))(t),
		Records:  must(st.ChunkRecords(t.Context(), u.ID))(t),
		Batches:  must(st.KeyedBatches(t.Context(), u.ID, "", 100))(t),
		Common:   must(st.Common(t.Context()))(t),
	}
	c.State.Tag = "" // which is never used again
	return c
}

// full makes a user with something of everything, at times that differ.
func full(t *testing.T, st store.Store) store.User {
	t.Helper()
	u := user(t, st, "alice")
	done(t, st.SetQuota(t.Context(), "alice", 1<<30))
	done(t, st.SetPassword(t.Context(), "alice", "another hash"))
	u = must(st.UserByID(t.Context(), u.ID))(t)
	done(t, st.SetKey(t.Context(), u, "key of alice"))
	done(t, st.SetDisabled(t.Context(), "alice", true))
	large := bytes.Repeat([]byte("0123456789abcdef"), 40_000) // in pieces
	done(t, put(t.Context(), st, u, "0000aaaa", "sum", large))
	c := chunk("00000002", "", []byte("second"))
	c.CreatedBy, c.Version = "de\x00v é", 2
	done(t, st.PutChunk(t.Context(), u.ID, c, bytes.NewReader([]byte("second"))))
	done(t, put(t.Context(), st, u, "00000001", "", nil))
	must(st.AppendMutations(t.Context(), u.ID, "b", batch("1", "a", `{ "n": 1.50 }`)))(t)
	must(st.AppendMutations(t.Context(), u.ID, "", batch("2", "c")))(t)
	must(st.AppendMutations(t.Context(), u.ID, "a", batch("3")))(t) // an empty one
	done(t, st.Invite(t.Context(), "hash of a code", time.Date(2126, 11, 23, 12, 0, 0, 0, time.UTC)))
	return must(st.UserByID(t.Context(), u.ID))(t)
}

var copies = map[string]func(*testing.T, Database){
	"what was shown can be kept, and is the same": func(t *testing.T, db Database) {
		clock := newClock()
		clock.step = time.Second
		st := db.Open(clock.Now)
		u := full(t, st)
		must(st.LocalUser(t.Context()))(t)
		before := copyOf(t, st, u)
		if len(before.Accounts) != 2 || len(before.Records) != 3 || len(before.Batches) != 2 || len(before.Common.Invitations) != 1 {
			t.Fatalf("%+v", before)
		}

		done(t, st.DeleteUser(t.Context(), "alice"))
		done(t, st.DeleteUser(t.Context(), store.LocalName))
		for _, a := range before.Accounts {
			done(t, st.KeepAccount(t.Context(), a))
		}
		for i, c := range before.Records {
			done(t, st.KeepChunk(t.Context(), u.ID, c, bytes.NewReader([]byte(before.State.Bodies[i]))))
		}
		done(t, st.KeepJournal(t.Context(), u.ID, before.State.Rows[:1], before.Batches[:1]))
		done(t, st.KeepJournal(t.Context(), u.ID, before.State.Rows[1:], nil))
		done(t, st.KeepJournal(t.Context(), u.ID, nil, before.Batches))
		done(t, st.KeepCommon(t.Context(), before.Common))
		if diff := cmp.Diff(before, copyOf(t, st, u)); diff != "" {
			t.Errorf("(-before +after):\n%s", diff)
		}
		// The keys of batches are in use, and so is the API key.
		if r := must(st.AppendMutations(t.Context(), u.ID, "b", batch("1", "a", `{ "n": 1.50 }`)))(t); !r.Replayed {
			t.Errorf("%+v", r)
		}
		if diff := cmp.Diff(u, must(st.UserByKey(t.Context(), "key of alice"))(t)); diff != "" {
			t.Errorf("by the key (-want +got):\n%s", diff)
		}
	},

	"no number that was given or kept is given again": func(t *testing.T, db Database) {
		st := one(db)
		u := user(t, st, "alice")
		next := func(id string) (row, chunk int64) {
			r := must(st.AppendMutations(t.Context(), u.ID, "", batch("1", "a")))(t)
			done(t, put(t.Context(), st, u, id, "", nil))
			records := must(st.ChunkRecords(t.Context(), u.ID))(t)
			return r.LastSeq, records[len(records)-1].Seq
		}
		least := func(what string, id string, want int64) {
			t.Helper()
			if row, chunk := next(id); row <= want || chunk <= want {
				t.Errorf("%s: row %d and chunk %d behind %d", what, row, chunk, want)
			}
		}
		if c := must(st.Common(t.Context()))(t); c.LastChunk != 0 || c.LastRow != 0 {
			t.Errorf("before the first: %+v", c)
		}
		done(t, st.KeepCommon(t.Context(), store.Common{LastChunk: 100, LastRow: 100}))
		done(t, st.KeepCommon(t.Context(), store.Common{LastChunk: 1, LastRow: 1})) // less is no way back
		least("KeepCommon", "00000001", 100)
		done(t, st.KeepJournal(t.Context(), u.ID, []store.JournalRow{row(200), row(300)}, nil))
		done(t, st.KeepChunk(t.Context(), u.ID, store.ChunkRecord{NewChunk: chunk("00000003", "", nil), Seq: 300}, bytes.NewReader(nil)))
		least("what was kept", "00000004", 300)
		if c := must(st.Common(t.Context()))(t); c.LastChunk <= 300 || c.LastRow <= 300 {
			t.Errorf("in the end: %+v", c)
		}
		done(t, st.DeleteUser(t.Context(), "alice"))
		u = user(t, st, "alice")
		least("after a deletion", "00000001", 301)
	},

	"an account is kept in place of what was known of it": func(t *testing.T, db Database) {
		a, b := one(db), one(db)
		u, other := user(t, a, "alice"), user(t, a, "bob")
		done(t, put(t.Context(), a, u, "00000001", "", []byte("body")))
		done(t, a.SetKey(t.Context(), u, "first"))
		account := store.Account{User: u, Quota: 3, KeySHA256: "second", KeyCreatedAt: u.CreatedAt}
		account.PasswordHash, account.TokenTag, account.Disabled = "other", "tag", true
		done(t, a.KeepAccount(t.Context(), account))
		all := must(b.Accounts(t.Context()))(t)
		if got := all[0]; len(all) != 2 || got != account && all[1] != account {
			t.Errorf("got %+v, want %+v among them", all, account)
		}
		_, err := a.UserByKey(t.Context(), "first")
		fails(t, "the key before", err, store.ErrNoUser)
		if text(t, a, u, "00000001") != "body" {
			t.Error("the chunk is another")
		}
		account.Quota, account.KeySHA256, account.KeyCreatedAt = -1, "", time.Time{}
		done(t, a.KeepAccount(t.Context(), account))
		_, err = a.UserByKey(t.Context(), "second")
		fails(t, "no key", err, store.ErrNoUser)

		before := copyOf(t, a, u)
		for _, taken := range []store.User{{Name: "bob", Email: "x"}, {Name: "x", Email: other.Email}, {Name: other.Email, Email: "x"}, {Name: "x", Email: "bob"}} {
			taken.ID, taken.CreatedAt = "another", u.CreatedAt
			fails(t, taken.Name, a.KeepAccount(t.Context(), store.Account{User: taken}), store.ErrUserExists)
		}
		fails(t, "a chunk of nobody", a.KeepChunk(t.Context(), "nobody", store.ChunkRecord{NewChunk: chunk("00000001", "", nil), Seq: 9}, bytes.NewReader(nil)), store.ErrNoUser)
		fails(t, "rows of nobody", a.KeepJournal(t.Context(), "nobody", []store.JournalRow{row(9)}, nil), store.ErrNoUser)
		if diff := cmp.Diff(before, copyOf(t, a, u)); diff != "" {
			t.Errorf("they changed something (-before +after):\n%s", diff)
		}
	},

	"a chunk is kept whole or not at all, whatever the quota": func(t *testing.T, db Database) {
		st := one(db)
		u := user(t, st, "alice")
		done(t, st.SetQuota(t.Context(), "alice", 4))
		done(t, put(t.Context(), st, u, "00000001", "", []byte("body")))
		before, tag := copyOf(t, st, u), must(st.ManifestTag(t.Context(), u.ID))(t)
		c := store.ChunkRecord{NewChunk: chunk("00000001", "sum", make([]byte, 300<<10)), Seq: 7, CreatedAt: u.CreatedAt}
		torn := errors.New("torn")
		fails(t, "a torn body", st.KeepChunk(t.Context(), u.ID, c, io.MultiReader(bytes.NewReader(make([]byte, 290<<10)), iotest.ErrReader(torn))), torn)
		if diff := cmp.Diff(before, copyOf(t, st, u)); diff != "" {
			t.Errorf("it changed something (-before +after):\n%s", diff)
		}
		done(t, st.KeepChunk(t.Context(), u.ID, c, bytes.NewReader(make([]byte, 300<<10))))
		if must(st.ManifestTag(t.Context(), u.ID))(t) == tag {
			t.Error("the manifest has the tag of another")
		}
		after := copyOf(t, st, u)
		if len(after.Records) != 1 || after.Records[0] != c || len(after.State.Bodies[0]) != 300<<10 || after.State.Users[0].Used != 300<<10 {
			t.Errorf("got %+v, %d bytes used", after.Records, after.State.Users[0].Used)
		}
		var over *store.QuotaError
		if err := put(t.Context(), st, u, "00000002", "", []byte("body")); !errors.As(err, &over) {
			t.Errorf("what is kept does not count: %v", err)
		}
		// A batch whose key is known stays what it is.
		done(t, st.KeepJournal(t.Context(), u.ID, nil, []store.KeyedBatch{{Key: "k", SHA256: "1", Accepted: 2, LastSeq: 3}}))
		done(t, st.KeepJournal(t.Context(), u.ID, nil, []store.KeyedBatch{{Key: "k", SHA256: "9"}, {Key: "l", SHA256: "4"}}))
		got := must(st.KeyedBatches(t.Context(), u.ID, "", 1))(t)
		got = append(got, must(st.KeyedBatches(t.Context(), u.ID, "k", 9))(t)...)
		if diff := cmp.Diff([]store.KeyedBatch{{Key: "k", SHA256: "1", Accepted: 2, LastSeq: 3}, {Key: "l", SHA256: "4"}}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	},
}

// row is one with this number.
func row(seq int64) store.JournalRow {
	return store.JournalRow{Seq: seq, Mutation: store.Mutation{Payload: []byte("{}")}, OccurredAt: time.UnixMicro(seq).UTC()}
}

package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

var journals = map[string]func(*testing.T, Database){
	"rows come back as they were added": func(t *testing.T, db Database) {
		now := newClock()
		st := db.Open(now.Now)
		u := user(t, st, "alice")
		added := []store.Mutation{
			{Entity: "session", EntityKey: "k", Op: "upsert", Payload: []byte(`{"a": 1.50,"a":"<\u00e9é😀>"}`)},
			{Entity: "", EntityKey: "", Op: "", Payload: []byte(`null`)},
			{Entity: "e'\"\\", EntityKey: "中\u202e\n", Op: "%", Payload: []byte(`"{\"text\":true}"`)},
			{Entity: "large", Payload: []byte(`{"a":"` + strings.Repeat("word ", 20_000) + `"}`)},
		}
		first := must(st.AppendMutations(t.Context(), u.ID, "", store.Batch{Mutations: added[:3], SHA256: "1"}))(t)
		early := now.kept()
		now.advance(time.Hour)
		second := must(st.AppendMutations(t.Context(), u.ID, "", store.Batch{Mutations: added[3:], SHA256: "2"}))(t)
		got, head := rows(t, st, u, 0, 10)
		if len(got) != 4 || first != (store.Receipt{Accepted: 3, LastSeq: got[2].Seq}) ||
			second != (store.Receipt{Accepted: 1, LastSeq: got[3].Seq}) || head != got[3].Seq {
			t.Fatalf("%d rows, receipts %+v and %+v, head %d", len(got), first, second, head)
		}
		for i, row := range got {
			if diff := cmp.Diff(added[i], row.Mutation); diff != "" {
				t.Errorf("row %d: %.500s", i, diff)
			}
			if row.Seq < 1 || i > 0 && row.Seq <= got[i-1].Seq {
				t.Errorf("row %d has seq %d", i, row.Seq)
			}
			at := early
			if i == 3 {
				at = now.kept()
			}
			exactly(t, fmt.Sprint("row ", i), row.OccurredAt, at)
		}
	},

	"users have journals of their own": func(t *testing.T, db Database) {
		st := one(db)
		a, b := user(t, st, "alice"), user(t, st, "bob")
		must(st.AppendMutations(t.Context(), a.ID, "key", batch("1", "hers")))(t)
		if got, head := rows(t, st, b, 0, 10); len(got) != 0 || head != 0 {
			t.Errorf("another's rows: %v, head %d", got, head)
		}
		r := must(st.AppendMutations(t.Context(), b.ID, "key", batch("2", "his")))(t) // nor is a key another's
		if got, head := rows(t, st, b, 0, 10); r.Replayed || !cmp.Equal(payloads(got), []string{"his"}) || head != r.LastSeq {
			t.Errorf("%+v, rows %v, head %d", r, got, head)
		}
		if got, _ := rows(t, st, a, 0, 10); !cmp.Equal(payloads(got), []string{"hers"}) {
			t.Errorf("rows %v", got)
		}
	},

	"a key keeps one batch": func(t *testing.T, db Database) {
		st := one(db)
		u := user(t, st, "alice")
		first := must(st.AppendMutations(t.Context(), u.ID, "key", batch("1", "a", "b")))(t)
		empty := must(st.AppendMutations(t.Context(), u.ID, "empty", batch("0")))(t)
		if first.Replayed || first.Accepted != 2 || empty != (store.Receipt{}) {
			t.Errorf("got %+v and %+v", first, empty)
		}
		must(st.AppendMutations(t.Context(), u.ID, "", batch("1", "a", "b")))(t) // no key, no memory
		before := everything(t, st, u)
		done(t, st.Close())
		st = one(db)
		for range 2 {
			first.Replayed, empty.Replayed = true, true
			if r := must(st.AppendMutations(t.Context(), u.ID, "key", batch("1", "a", "b")))(t); r != first {
				t.Errorf("got %+v, want %+v", r, first)
			}
			if r := must(st.AppendMutations(t.Context(), u.ID, "empty", batch("0")))(t); r != empty {
				t.Errorf("got %+v, want %+v", r, empty)
			}
		}
		for _, key := range []string{"key", "empty"} {
			_, err := st.AppendMutations(t.Context(), u.ID, key, batch("2", "c"))
			fails(t, key, err, store.ErrOtherBatch, store.ErrConflict)
		}
		if diff := cmp.Diff(before, everything(t, st, u)); diff != "" {
			t.Errorf("(-before +after):\n%s", diff)
		}
		for _, fresh := range []string{"Key", "key ", "k"} {
			if r := must(st.AppendMutations(t.Context(), u.ID, fresh, batch("1", "a", "b")))(t); r.Replayed {
				t.Errorf("key %q: %+v", fresh, r)
			}
		}
	},

	"one of many with a key adds its batch": func(t *testing.T, db Database) {
		stores := []store.Store{one(db), one(db)}
		u := user(t, stores[0], "alice")
		var added atomic.Int64
		receipts := make([]store.Receipt, 16)
		together(len(receipts), func(i int) {
			var err error
			if receipts[i], err = stores[i%2].AppendMutations(t.Context(), u.ID, "key", batch("1", "a", "b")); err != nil {
				t.Error(err)
			}
			if !receipts[i].Replayed {
				added.Add(1)
			}
		})
		got, head := rows(t, stores[0], u, 0, 10)
		for _, r := range receipts {
			if r.Accepted != 2 || r.LastSeq != head {
				t.Errorf("receipt %+v, head %d", r, head)
			}
		}
		if len(got) != 2 || added.Load() != 1 {
			t.Errorf("%d rows, added by %d", len(got), added.Load())
		}
	},

	"a journal is read from anywhere, as far as wanted": func(t *testing.T, db Database) {
		st := one(db)
		u := user(t, st, "alice")
		must(st.AppendMutations(t.Context(), user(t, st, "bob").ID, "", batch("0", "x")))(t)
		must(st.AppendMutations(t.Context(), u.ID, "", batch("1", "a", "b", "c")))(t)
		must(st.AppendMutations(t.Context(), u.ID, "", batch("2", "d")))(t)
		all, _ := rows(t, st, u, 0, 10)
		for _, tt := range []struct {
			since int64
			limit int
			want  string
		}{
			{0, 4, "abcd"}, {-1, 3, "abc"}, {0, 1, "a"}, {0, 0, ""},
			{all[0].Seq, 10, "bcd"}, {all[2].Seq, 10, "d"}, {all[3].Seq, 10, ""}, {1 << 62, 10, ""},
		} {
			got, head := rows(t, st, u, tt.since, tt.limit)
			if strings.Join(payloads(got), "") != tt.want || head != all[3].Seq {
				t.Errorf("%d rows behind %d: got %v, want %s; head %d", tt.limit, tt.since, payloads(got), tt.want, head)
			}
		}
		calls := 0
		head := must(st.ReadMutations(t.Context(), u.ID, 0, 10, func(store.JournalRow) bool { calls++; return calls < 2 }))(t)
		if calls != 2 || head != all[3].Seq {
			t.Errorf("%d calls, head %d", calls, head)
		}
	},

	// Seqs that are given out before the commit, or clocks that are read before it
	// is the batch's turn, show here.
	"a reader behind the last row misses nothing": func(t *testing.T, db Database) {
		now := newClock()
		now.step = time.Microsecond
		stores := []store.Store{db.Open(now.Now), db.Open(now.Now), db.Open(now.Now)}
		u := user(t, stores[0], "alice")
		const writers, batches = 6, 12
		done := make(chan struct{})
		go func() {
			defer close(done)
			together(writers, func(w int) {
				for i := range batches {
					// Large ones take longer than small ones.
					payload := strings.Repeat("x", 1+(w+i)%3*20_000)
					size := 1 + (w+i)%4*10
					b := batch(fmt.Sprint(w, i), slices.Repeat([]string{payload}, size)...)
					if _, err := stores[w%3].AppendMutations(t.Context(), u.ID, "", b); err != nil {
						t.Error(err)
					}
				}
			})
		}()
		var seen []store.JournalRow
		var since int64
		reader := one(db)
		for last := false; ; {
			select {
			case <-done:
				last = true
			default:
			}
			const limit = 25
			got, head := rows(t, reader, u, since, limit)
			if n := len(got); n > 0 {
				since = got[n-1].Seq
			}
			if len(got) < limit && head != since || head < since {
				t.Errorf("%d rows up to %d, head %d: not of one moment", len(got), since, head)
			}
			seen = append(seen, got...)
			if last && len(got) == 0 {
				break
			}
		}
		all, _ := rows(t, reader, u, 0, 1<<20)
		if diff := cmp.Diff(seqs(all), seqs(seen)); diff != "" {
			t.Errorf("(-all +seen):\n%s", diff)
		}
		for i := 1; i < len(all); i++ {
			if all[i].OccurredAt.Before(all[i-1].OccurredAt) {
				t.Fatalf("row %d is of %v, the one before of %v", all[i].Seq, all[i].OccurredAt, all[i-1].OccurredAt)
			}
		}
		whole(t, all)
	},

	"no seq is used twice": func(t *testing.T, db Database) {
		st := one(db)
		u := user(t, st, "alice")
		var used sync.Map
		for i := range 3 {
			together(4, func(j int) {
				r, err := st.AppendMutations(t.Context(), u.ID, "", batch(fmt.Sprint(i, j), "a"))
				if _, twice := used.LoadOrStore(r.LastSeq, true); twice || err != nil {
					t.Errorf("seq %d again (%v)", r.LastSeq, err)
				}
			})
			if err := st.Close(); err != nil {
				t.Error(err)
			}
			st = one(db)
		}
	},
}

// batch has rows with these payloads, and their places as entity keys.
func batch(sum string, payloads ...string) store.Batch {
	b := store.Batch{SHA256: sum}
	for i, p := range payloads {
		b.Mutations = append(b.Mutations, store.Mutation{
			Entity: sum, EntityKey: fmt.Sprintf("%d of %d", i, len(payloads)), Op: "upsert", Payload: []byte(p),
		})
	}
	return b
}

// rows reads a part of a journal.
func rows(t *testing.T, st store.Store, u store.User, since int64, limit int) (all []store.JournalRow, head int64) {
	t.Helper()
	head = must(st.ReadMutations(t.Context(), u.ID, since, limit, func(row store.JournalRow) bool {
		row.Payload = bytes.Clone(row.Payload)
		all = append(all, row)
		return true
	}))(t)
	return all, head
}

func payloads(rows []store.JournalRow) (all []string) {
	for _, row := range rows {
		all = append(all, string(row.Payload))
	}
	return all
}

func seqs(rows []store.JournalRow) (all []int64) {
	for _, row := range rows {
		all = append(all, row.Seq)
	}
	return all
}

// whole wants the batches in rows to be whole, and each in its order.
func whole(t *testing.T, rows []store.JournalRow) {
	t.Helper()
	next := map[string]int{}
	for _, row := range rows {
		var place, size int
		if _, err := fmt.Sscanf(row.EntityKey, "%d of %d", &place, &size); err != nil {
			t.Fatal(err)
		}
		if place != next[row.Entity] {
			t.Errorf("batch %s goes on with row %d, want %d", row.Entity, place, next[row.Entity])
		}
		if next[row.Entity] = place + 1; place+1 == size {
			next[row.Entity] = 0
		}
	}
	for entity, place := range next {
		if place != 0 {
			t.Errorf("batch %s ends at row %d", entity, place)
		}
	}
}

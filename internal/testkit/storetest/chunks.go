package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// reducedSum and fullSum are hashes of data: what starts with the id 0cdb38de
// replaces what does not.
const (
	someID     = "0cdb38de"
	reducedSum = "ffffffffff"
	fullSum    = "0cdb38de00"
)

// large is a body of many megabytes, no two parts of which are alike.
var large = sync.OnceValue(func() []byte {
	body := make([]byte, 0, 24<<20)
	for sum := sha256.Sum256(nil); len(body) < cap(body); sum = sha256.Sum256(sum[:]) {
		body = append(body, sum[:]...)
	}
	return body
})

var chunks = map[string]func(*testing.T, Database){
	"a chunk comes back as it was put": func(t *testing.T, db Database) {
		now := newClock()
		st := db.Open(now.Now)
		u := user(t, st, "alice")
		var want []store.ChunkEntry
		for i, by := range []string{"", "dev \x00 <\"'é😀\u202e", "ABCDEF12", "abcdef12"} {
			id := []string{"ffffffff", "00000000", "ABCDEF12", "abcdef12"}[i] // letter case matters
			body := []byte("body\x00\xff of " + id)
			c := chunk(id, "", body)
			c.CreatedBy, c.Counts = by, store.Counts{Sessions: i, Memories: i * 1000, Prompts: 1 << 30}
			done(t, st.PutChunk(t.Context(), u.ID, c, iotest.OneByteReader(bytes.NewReader(body))))
			want = append(want, store.ChunkEntry{ID: id, CreatedBy: by, CreatedAt: now.kept(), Counts: c.Counts})
			now.advance(time.Millisecond)
			if got := text(t, st, u, id); got != string(body) {
				t.Errorf("%s: got %q", id, got)
			}
		}
		_, entries, err := list(t, st, u)
		if diff := cmp.Diff(want, entries); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
		for _, absent := range []string{"FFFFFFFF", "", "fffffff", "%"} {
			_, err := st.OpenChunk(t.Context(), u.ID, absent)
			fails(t, "chunk "+absent, err, store.ErrNoChunk, store.ErrNotFound)
		}
	},

	"users have chunks of their own": func(t *testing.T, db Database) {
		st := one(db)
		a, b := user(t, st, "alice"), user(t, st, "bob")
		tag := must(st.ManifestTag(t.Context(), b.ID))(t)
		done(t, put(t.Context(), st, a, someID, reducedSum, []byte("hers")))
		_, err := st.OpenChunk(t.Context(), b.ID, someID)
		fails(t, "another's chunk", err, store.ErrNoChunk)
		if now := must(st.ManifestTag(t.Context(), b.ID))(t); now != tag {
			t.Error("another's chunk has changed the tag")
		}
		done(t, put(t.Context(), st, b, someID, "eeeeeeeeee", []byte("his")))
		if hers, his := text(t, st, a, someID), text(t, st, b, someID); hers != "hers" || his != "his" {
			t.Errorf("got %q and %q", hers, his)
		}
	},

	"an id keeps its data": func(t *testing.T, db Database) {
		now := newClock()
		st := db.Open(now.Now)
		u := user(t, st, "alice")
		for _, sum := range []string{"", reducedSum, fullSum} {
			done(t, put(t.Context(), st, u, someID, sum, []byte("body with data "+sum)))
			before := everything(t, st, u)
			now.advance(time.Hour)
			done(t, put(t.Context(), st, u, someID, sum, []byte("other envelope")))
			if sum != "" {
				fails(t, "without data", put(t.Context(), st, u, someID, "", []byte("x")), store.ErrOtherData, store.ErrConflict)
			}
			fails(t, "other data", put(t.Context(), st, u, someID, "dddddddddd", []byte("x")), store.ErrOtherData, store.ErrConflict)
			if diff := cmp.Diff(before, everything(t, st, u)); diff != "" {
				t.Errorf("data %q (-before +after):\n%s", sum, diff)
			}
			if sum == "" { // may only be replaced by the full one
				fails(t, "other data", put(t.Context(), st, u, someID, reducedSum, []byte("x")), store.ErrOtherData)
				u = user(t, st, "bob")
			}
		}
		// Another hash that starts with the id makes it no other's.
		fails(t, "a collision", put(t.Context(), st, u, someID, someID+"11", []byte("x")), store.ErrOtherData)
		if got := text(t, st, u, someID); got != "body with data "+fullSum {
			t.Errorf("got %q", got)
		}
	},

	"one of many who put different data under an id wins": func(t *testing.T, db Database) {
		stores := []store.Store{one(db), one(db)}
		u := user(t, stores[0], "alice")
		errs := make([]error, 12)
		together(len(errs), func(i int) {
			body := []byte(fmt.Sprint(i))
			errs[i] = put(t.Context(), stores[i%2], u, someID, fmt.Sprintf("ffffffff%02x", i), body)
		})
		winner := text(t, stores[1], u, someID)
		for i, err := range errs {
			if fmt.Sprint(i) == winner {
				done(t, err)
				continue
			}
			fails(t, fmt.Sprint(i), err, store.ErrOtherData)
		}
	},

	"a body that cannot be read leaves things as they were": func(t *testing.T, db Database) {
		st := one(db)
		u := user(t, st, "alice")
		done(t, put(t.Context(), st, u, someID, reducedSum, []byte("reduced")))
		before := everything(t, st, u)
		full := chunk(someID, fullSum, large())
		broken := errors.New("the disk broke")
		for name, body := range map[string]io.Reader{
			"an error at the start": iotest.ErrReader(broken),
			"an error behind parts": io.MultiReader(bytes.NewReader(large()[:5<<20]), iotest.ErrReader(broken)),
		} {
			fails(t, name, st.PutChunk(t.Context(), u.ID, full, body), broken)
		}
		for _, n := range []int{0, 5 << 20, len(large()) - 1} {
			if err := st.PutChunk(t.Context(), u.ID, full, bytes.NewReader(large()[:n])); err == nil {
				t.Errorf("%d bytes of %d were enough", n, len(large()))
			}
		}
		if diff := cmp.Diff(before, everything(t, st, u)); diff != "" {
			t.Errorf("(-before +after):\n%s", diff)
		}
	},

	"bodies are streams": func(t *testing.T, db Database) {
		st := one(db)
		u := user(t, st, "alice")
		in := &measured{Reader: bytes.NewReader(large())}
		in.base = liveHeap()
		done(t, st.PutChunk(t.Context(), u.ID, chunk(someID, "", large()), in))
		body := must(st.OpenChunk(t.Context(), u.ID, someID))(t)
		sum := sha256.New()
		out := &measured{Reader: body, base: liveHeap()}
		if n := must(io.Copy(sum, out))(t); n != int64(len(large())) || hex.EncodeToString(sum.Sum(nil)) != body.SHA256 {
			t.Errorf("%d bytes of %d came back, or others", n, len(large()))
		}
		for what, m := range map[string]*measured{"put": in, "read": out} {
			if m.most > int64(len(large())/2) {
				t.Errorf("to %s %d MB, %d MB of memory were held", what, len(large())>>20, m.most>>20)
			}
		}
	},

	"a body is read in parts": func(t *testing.T, db Database) {
		st := one(db)
		u := user(t, st, "alice")
		content := large()[:2<<20+1]
		done(t, put(t.Context(), st, u, someID, "", content))
		done(t, put(t.Context(), st, u, "00000000", "", nil))
		for id, content := range map[string][]byte{someID: content, "00000000": nil} {
			body := must(st.OpenChunk(t.Context(), u.ID, id))(t)
			if n := must(body.Seek(0, io.SeekEnd))(t); n != int64(len(content)) {
				t.Errorf("%s ends at %d of %d", id, n, len(content))
			}
			must(body.Seek(0, io.SeekStart))(t)
			if err := iotest.TestReader(body, content); err != nil {
				t.Errorf("%s: %.300s", id, err)
			}
		}
		body := must(st.OpenChunk(t.Context(), u.ID, someID))(t)
		for _, at := range []int64{2 << 20, 0, 256<<10 - 1, 1 << 20, 1<<20 - 1} {
			must(body.Seek(at, io.SeekStart))(t)
			part := make([]byte, 2)
			if n, err := io.ReadFull(body, part); !bytes.Equal(part[:n], content[at:at+int64(n)]) || n == 0 {
				t.Errorf("at %d: %d other bytes (%v)", at, n, err)
			}
		}
	},

	"bodies that are read slowly delay nobody": func(t *testing.T, db Database) {
		st := one(db)
		u := user(t, st, "alice")
		done(t, put(t.Context(), st, u, someID, "", large()[:2<<20]))
		for range 100 {
			body := must(st.OpenChunk(t.Context(), u.ID, someID))(t)
			must(io.ReadFull(body, make([]byte, 10)))(t)
		}
		soon, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		done(t, put(soon, st, u, "00000000", "", nil))
		must(st.ManifestTag(soon, u.ID))(t)
	},

	"a body ends with its context": func(t *testing.T, db Database) {
		st := one(db)
		u := user(t, st, "alice")
		done(t, put(t.Context(), st, u, someID, "", large()[:4<<20]))
		ctx, end := context.WithCancel(t.Context())
		body := must(st.OpenChunk(ctx, u.ID, someID))(t)
		must(io.ReadFull(body, make([]byte, 10)))(t)
		end()
		_, err := io.Copy(io.Discard, body)
		fails(t, "reading on", err, store.ErrUnavailable, context.Canceled)
	},

	"a body whose chunk is replaced is no mixture": func(t *testing.T, db Database) {
		st, other := one(db), one(db)
		u := user(t, st, "alice")
		reduced := large()[:4<<20]
		done(t, put(t.Context(), st, u, someID, reducedSum, reduced))
		body := must(st.OpenChunk(t.Context(), u.ID, someID))(t)
		read := make([]byte, 10)
		must(io.ReadFull(body, read))(t)
		done(t, put(t.Context(), other, u, someID, fullSum, large()[4<<20:8<<20]))
		rest, err := io.ReadAll(body)
		if err == nil || !bytes.HasPrefix(reduced, append(read, rest...)) {
			t.Errorf("%d more bytes, of the first one: %t; %v", len(rest), bytes.HasPrefix(reduced[10:], rest), err)
		}
	},

	"the manifest has the order of puts": func(t *testing.T, db Database) {
		now := newClock()
		st := db.Open(now.Now)
		u := user(t, st, "alice")
		for _, id := range []string{"0cdb38de", "ffffffff", "00000000"} {
			done(t, put(t.Context(), st, u, id, reducedSum, []byte(id)))
		}
		now.advance(time.Hour)
		done(t, put(t.Context(), st, u, someID, fullSum, []byte("full")))
		_, entries, err := list(t, st, u)
		done(t, err)
		if got := ids(entries); !cmp.Equal(got, []string{"ffffffff", "00000000", someID}) {
			t.Errorf("got %v", got)
		}
		exactly(t, "the replacement", entries[len(entries)-1].CreatedAt, now.kept())
	},

	"a list ends with its reader": func(t *testing.T, db Database) {
		st := one(db)
		u := user(t, st, "alice")
		for _, id := range []string{"00000000", "11111111", "22222222"} {
			done(t, put(t.Context(), st, u, id, "", nil))
		}
		shown, full := 0, errors.New("the disk is full")
		_, err := st.Manifest(t.Context(), u.ID, func(store.ChunkEntry) error {
			if shown++; shown == 2 {
				return full
			}
			return nil
		})
		if !errors.Is(err, full) || shown != 2 {
			t.Errorf("%d entries were shown, and the error is %v", shown, err)
		}
		if _, entries, err := list(t, st, u); len(entries) != 3 || err != nil {
			t.Errorf("then %d are listed (%v)", len(entries), err)
		}
	},

	"a tag is of one list": func(t *testing.T, db Database) {
		st := one(db)
		u := user(t, st, "alice")
		tags := map[string]bool{}
		changed := func(what string, want bool) {
			t.Helper()
			tag := must(st.ManifestTag(t.Context(), u.ID))(t)
			if listed, _, err := list(t, st, u); err != nil || listed != tag {
				t.Errorf("after %s Manifest gives the tag %q, ManifestTag %q (%v)", what, listed, tag, err)
			}
			if tags[tag] == want {
				t.Errorf("after %s the tag is new: %t", what, !want)
			}
			tags[tag] = true
		}
		changed("nothing", true)
		done(t, put(t.Context(), st, u, someID, reducedSum, nil))
		changed("a put", true)
		done(t, put(t.Context(), st, u, someID, reducedSum, nil))
		changed("the same put", false)
		done(t, put(t.Context(), st, u, someID, fullSum, nil))
		changed("a replacement", true)
		fails(t, "other data", put(t.Context(), st, u, someID, reducedSum, nil), store.ErrOtherData)
		must(st.AppendMutations(t.Context(), u.ID, "", batch("1", "a")))(t)
		done(t, st.SetPassword(t.Context(), u.Name, "new"))
		changed("what is no change of the list", false)
	},

	"whoever lists meanwhile sees one moment, in order": func(t *testing.T, db Database) {
		now := newClock()
		now.step = time.Microsecond
		stores := []store.Store{db.Open(now.Now), db.Open(now.Now)}
		u := user(t, stores[0], "alice")
		const writers, puts = 4, 15
		var writing sync.WaitGroup
		for w := range writers {
			writing.Go(func() {
				for i := range puts {
					if err := put(t.Context(), stores[w%2], u, fmt.Sprintf("%04x%04x", w, i), "", nil); err != nil {
						t.Error(err)
					}
				}
			})
		}
		lists := map[string][]string{}
		reader := one(db)
		for n := 0; n < writers*puts && !t.Failed(); {
			tag, entries, err := list(t, reader, u)
			done(t, err)
			if before, known := lists[tag]; known && !cmp.Equal(before, ids(entries)) {
				t.Errorf("tag %s is of %v and of %v", tag, before, ids(entries))
			}
			if len(entries) < n {
				t.Errorf("%d entries after %d", len(entries), n)
			}
			n, lists[tag] = len(entries), ids(entries)
			for i := 1; i < n; i++ {
				if entries[i].CreatedAt.Before(entries[i-1].CreatedAt) {
					t.Fatalf("entry %d is of %v, the one before of %v", i, entries[i].CreatedAt, entries[i-1].CreatedAt)
				}
			}
		}
		writing.Wait()
		sizes := map[int]string{}
		for tag, list := range lists {
			if other, twice := sizes[len(list)]; twice {
				t.Errorf("tags %s and %s are of lists of %d", tag, other, len(list))
			}
			sizes[len(list)] = tag
		}
	},
}

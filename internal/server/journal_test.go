package server_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/server"
)

func TestAKeyStoresItsBatchOnce(t *testing.T) {
	c := listen(t, open(t, server.Options{}))
	const key = "Idempotency-Key: a-key~!"
	batch := mutations(`{"n": 1}`, `{"n":2}`)
	first := c.post("/sync/mutations/push", batch, key)
	first.want(t, 200, stored(2, 2))
	if first.header.Get("Idempotent-Replayed") != "" {
		t.Error("the first push says it was replayed")
	}
	c.post("/sync/mutations/push", batch).want(t, 200, stored(2, 4)) // no key, no memory
	for _, same := range []string{batch, strings.Replace(batch, `"op"`, ` "seq":7, "o\u0070" `, 1)} {
		r := c.post("/sync/mutations/push", same, key)
		r.want(t, 200, stored(2, 2))
		if r.header.Get("Idempotent-Replayed") != "true" {
			t.Error("a replay does not say so")
		}
	}
	for _, other := range []string{
		mutations(`{"n":1}`, `{"n":2}`), mutations(`{"n": 1}`), `{}`, strings.Replace(batch, "upsert", "delete", 1),
		strings.Replace(batch, `"entity_key":"0","op":"upsert"`, `"entity_key":"0u","op":"psert"`, 1),
	} {
		c.post("/sync/mutations/push", other, key).want(t, 409, failure("idempotency key was used with other content"))
	}
	if seqs := c.page("").seqs(); len(seqs) != 4 {
		t.Errorf("there are %v", seqs)
	}
	// What was refused has not used its key up, and nothing is a batch too.
	const second = "Idempotency-Key: second"
	c.post("/sync/mutations/push", mutations(`1`), second).want(t, 400, "")
	c.post("/sync/mutations/push", mutations(`{}`), second).want(t, 200, stored(1, 5))
	c.post("/sync/mutations/push", `{}`, "Idempotency-Key: third").want(t, 200, stored(0, 0))
	c.post("/sync/mutations/push", batch, "Idempotency-Key: third").want(t, 409, "")
}

func TestIdempotencyKeysThatAreNone(t *testing.T) {
	c := listen(t, open(t, server.Options{}))
	long := "Idempotency-Key: " + strings.Repeat("k", 128)
	c.post("/sync/mutations/push", mutations(`{}`), long).want(t, 200, stored(1, 1))
	bad := failure("Idempotency-Key must be one text of 1 to 128 visible ASCII characters")
	for _, headers := range [][]string{
		{long + "k"}, {"Idempotency-Key: "}, {"Idempotency-Key: a b"}, {"Idempotency-Key: \u00e9"},
		{"Idempotency-Key: a\xff"}, {"Idempotency-Key: a", "Idempotency-Key: a"},
	} {
		c.post("/sync/mutations/push", mutations(`{}`), headers...).want(t, 400, bad)
	}
	// Also a client that looks for the answer only after all was sent gets it.
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, conn)
	if _, err := fmt.Fprintf(conn, "POST /sync/mutations/push HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
		"Idempotency-Key: a b\r\nContent-Length: %d\r\n\r\n%s", c.token, 10<<20, strings.Repeat(" ", 10<<20)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, resp.Body)
	if resp.StatusCode != 400 {
		t.Errorf("got %s", resp.Status)
	}
}

func TestOneOfManyWithAKeyStores(t *testing.T) {
	dir := t.TempDir()
	clients := []client{listen(t, open(t, server.Options{Dir: dir})), listen(t, open(t, server.Options{Dir: dir}))}
	var all sync.WaitGroup
	var fresh atomic.Int64
	for i := range 16 {
		all.Go(func() {
			r := clients[i%2].post("/sync/mutations/push", mutations(`{}`, `{}`, `{}`), "Idempotency-Key: k")
			r.want(t, 200, stored(3, 3))
			if r.header.Get("Idempotent-Replayed") == "" {
				fresh.Add(1)
			}
		})
	}
	all.Wait()
	if seqs := clients[0].page("").seqs(); fresh.Load() != 1 || len(seqs) != 3 {
		t.Errorf("%d were the first, rows %v", fresh.Load(), seqs)
	}
}

// A reader who always goes on behind the last row misses none, whoever writes
// meanwhile, and the head is never below what a page shows.
func TestAReaderBehindTheLastRowMissesNothing(t *testing.T) {
	dir := t.TempDir()
	const pushes, size = 30, 7
	var writers sync.WaitGroup
	for range 2 {
		s := open(t, server.Options{Dir: dir})
		local := listen(t, s)
		other := local.as(local.as("").register(fmt.Sprintf("user%p", s)).AccessToken)
		for _, c := range []client{local, local, other} {
			writers.Go(func() {
				for range pushes {
					c.post("/sync/mutations/push", mutations(strings.Split(strings.Repeat("{} ", size-1)+"{}", " ")...)).want(t, 200, "")
				}
			})
		}
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	reader := listen(t, open(t, server.Options{Dir: dir}))
	var seen []int
	for since, last := 0, false; ; {
		select {
		case <-done:
			last = true
		default:
		}
		p := reader.page(fmt.Sprintf("?since_seq=%d&limit=10", since))
		seen = append(seen, p.seqs()...)
		if len(p.Mutations) > 0 {
			since = seen[len(seen)-1]
		}
		if last && !p.HasMore {
			break
		}
	}
	var want []int
	for since, more := 0, true; more; {
		p := reader.page(fmt.Sprintf("?since_seq=%d&limit=1000", since))
		want, more = append(want, p.seqs()...), p.HasMore
		since = want[len(want)-1]
	}
	if diff := cmp.Diff(want, seen); diff != "" || len(seen) != 4*pushes*size {
		t.Errorf("%d rows (-want +got):\n%s", len(seen), diff)
	}
}

// A batch that fails on its way leaves no row, no key and no gap.
func TestABatchIsStoredWholeOrNot(t *testing.T) {
	dir := t.TempDir()
	c := listen(t, open(t, server.Options{Dir: dir}))
	execute(t, dir, `CREATE TRIGGER fails BEFORE INSERT ON mutations WHEN new.entity_key = '2'
		BEGIN SELECT raise(ABORT, 'no'); END`)
	const key = "Idempotency-Key: k"
	c.post("/sync/mutations/push", mutations(`{}`, `{}`, `{}`), key).want(t, 500, failure("internal error"))
	execute(t, dir, `DROP TRIGGER fails; CREATE TRIGGER fails BEFORE INSERT ON mutation_pushes
		BEGIN SELECT raise(ABORT, 'no'); END`)
	c.post("/sync/mutations/push", mutations(`{}`, `{}`, `{}`), key).want(t, 500, failure("internal error"))
	execute(t, dir, "DROP TRIGGER fails")
	c.get("/sync/mutations/pull").want(t, 200, `{"mutations":[],"has_more":false}`+"\n")
	c.post("/sync/mutations/push", mutations(`{}`, `{}`, `{}`), key).want(t, 200, stored(3, 3))
	wantOnly(t, filepath.Join(dir, "spool"))
}

// What was accepted is there after the process was killed: its files, as they
// lie at that moment, are all that the next one has.
func TestAcceptedMutationsSurviveAKill(t *testing.T) {
	dir, killed := t.TempDir(), t.TempDir()
	c := listen(t, open(t, server.Options{Dir: dir}))
	const key = "Idempotency-Key: k"
	c.post("/sync/mutations/push", mutations(`{"n":1}`, `{"n":2}`), key).want(t, 200, stored(2, 2))
	for _, name := range []string{"server.db", "server.db-wal", "signing.key"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, killed, name, string(text))
	}
	again := listen(t, open(t, server.Options{Dir: killed}))
	again.get("/sync/mutations/pull").want(t, 200, c.get("/sync/mutations/pull").body)
	again.post("/sync/mutations/push", mutations(`{"n":1}`, `{"n":2}`), key).want(t, 200, stored(2, 2))
}

func TestABackupHasTheJournal(t *testing.T) {
	s := open(t, server.Options{})
	add(t, s, "alice")
	_, key := listen(t, s).signIn("alice", "password-of-alice")
	c := listen(t, s).as(key)
	const once = "Idempotency-Key: k"
	c.post("/sync/mutations/push", mutations(`{"n": 1}`, `"{}"`), once).want(t, 200, stored(2, 2))
	before := c.get("/sync/mutations/pull").body
	file := backup(t, s)
	c.post("/sync/mutations/push", mutations(`{"after":true}`)).want(t, 200, stored(1, 3))

	r := listen(t, open(t, server.Options{Dir: restored(t, file)})).as(key)
	r.get("/sync/mutations/pull").want(t, 200, before)
	r.post("/sync/mutations/push", mutations(`{"n": 1}`, `"{}"`), once).want(t, 200, stored(2, 2))
	r.post("/sync/mutations/push", mutations(`{}`)).want(t, 200, stored(1, 3))
}

package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/pgtest"
)

// TestPostgresKilledUnderLoad lets many clients push to two servers on one PostgreSQL,
// and kills each of the three, and all of them. What was acknowledged is there once,
// and who follows the journal meanwhile, through either server, misses nothing of it.
func TestPostgresKilledUnderLoad(t *testing.T) {
	skipLong(t)
	postgres := pgtest.Start(t)
	u := newUser(t, "", "")
	l := &sharedLoad{t: t, acknowledged: map[string]string{}}
	l.more = sync.NewCond(&l.mu)
	stops := make([]func(syscall.Signal), 2)
	for i := range stops {
		url, stop := u.serve("--database", postgres.URL)
		l.urls, stops[i] = append(l.urls, url), stop
	}
	var err error
	if l.token, err = registerUser(l.urls[0], "alice"); err != nil {
		t.Fatal(err)
	}
	for worker := range 4 {
		l.Go(func() { l.pushChunks(worker) })
		l.Go(func() { l.pushBatches(worker) })
	}
	over, followed := make(chan struct{}), make(chan []string)
	go func() { followed <- l.follow(over) }()

	kill := func(i int) { stops[i](syscall.SIGKILL) }
	start := func(i int) {
		_, stops[i] = u.serveAt(strings.TrimPrefix(l.urls[i], "http://"), "--database", postgres.URL)
	}
	crash := func() {
		if err := postgres.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	restart := func() {
		if err := postgres.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	for round, hurt := range []func(){
		func() { kill(0); l.goOn(20); start(0) },
		func() { crash(); restart() },
		func() {
			crash()
			kill(0)
			kill(1)
			restart()
			start(1)
			start(0)
		},
	} {
		l.goOn(30)
		hurt()
		t.Logf("round %d: %d requests acknowledged, %d failed", round, l.goOn(30), l.failed.Load())
	}
	l.enough.Store(true)
	l.Wait()
	close(over)

	alice := newUser(t, l.urls[1], l.token)
	dir := filepath.Join(t.TempDir(), ".engram")
	alice.run(0, "pull", "--dir", dir)
	here := contentsOf(t, dir)
	for id, text := range l.acknowledged {
		if here[id] != text {
			t.Errorf("chunk %s was acknowledged, and is lost", id)
		}
	}
	journal := alice.journal()
	seen := map[string]int{}
	for _, key := range journal {
		seen[key]++
	}
	for _, key := range l.rows {
		if seen[key] != 1 {
			t.Errorf("row %s was acknowledged, and is there %d times", key, seen[key])
		}
	}
	if got := <-followed; !slices.Equal(got, journal) {
		t.Errorf("who followed the journal of %d rows has %d, or others", len(journal), len(got))
	}
	for _, stop := range stops {
		stop(syscall.SIGTERM)
	}
}

// sharedLoad is what clients do at the same time, until it is enough.
type sharedLoad struct {
	sync.WaitGroup
	t      *testing.T
	urls   []string
	token  string
	enough atomic.Bool

	failed       atomic.Int64
	mu           sync.Mutex
	more         *sync.Cond // done has grown
	done         int
	acknowledged map[string]string // chunks
	rows         []string          // keys of mutations
}

// goOn returns when n more requests were acknowledged, with the number of all.
func (l *sharedLoad) goOn(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for until := l.done + n; l.done < until; {
		l.more.Wait()
	}
	return l.done
}

// note takes in what was acknowledged.
func (l *sharedLoad) note(chunk, data string, rows ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if chunk != "" {
		l.acknowledged[chunk] = data
	}
	l.rows = append(l.rows, rows...)
	l.done++
	l.more.Broadcast()
}

func (l *sharedLoad) pushChunks(worker int) {
	for n := 0; !l.enough.Load(); n++ {
		data := fmt.Sprintf(`{"sessions":[],"worker":%d,"n":%d,"filler":%q}`, worker, n, strings.Repeat("x", 2000))
		id := contentID([]byte(data))
		if !pushRaw(l.t, l.urls[n%len(l.urls)], l.token, id, data) {
			l.failed.Add(1)
			continue
		}
		l.note(id, data)
	}
}

// pushBatches repeats each batch, under its key, until somebody has taken it.
func (l *sharedLoad) pushBatches(worker int) {
	for n := 0; !l.enough.Load(); n++ {
		var rows, keys []string
		for i := range 3 {
			keys = append(keys, fmt.Sprintf("w%d-%d-%d", worker, n, i))
			rows = append(rows, fmt.Sprintf(`{"entity":"observation","entity_key":%q,"op":"upsert","payload":{"n":%d}}`, keys[i], n))
		}
		body := fmt.Sprintf(`{"mutations":[%s],"created_by":"vm"}`, strings.Join(rows, ","))
		for try := worker; !l.ask(http.MethodPost, l.urls[try%len(l.urls)]+"/sync/mutations/push", body, keys[0], nil); try++ {
			if l.failed.Add(1); l.enough.Load() {
				return // it may have been taken
			}
		}
		l.note("", "", keys...)
	}
}

// follow reads the journal as it grows, in turn through each server, and to its end
// when all is over.
func (l *sharedLoad) follow(over <-chan struct{}) (keys []string) {
	since := int64(0)
	for try := 0; ; try++ {
		last := false
		select {
		case <-over:
			last = true
		default:
		}
		var page struct {
			Mutations []struct {
				Seq       int64  `json:"seq"`
				EntityKey string `json:"entity_key"`
			} `json:"mutations"`
		}
		if !l.ask(http.MethodGet, fmt.Sprintf("%s/sync/mutations/pull?limit=20&since_seq=%d", l.urls[try%len(l.urls)], since), "", "", &page) {
			continue
		}
		for _, row := range page.Mutations {
			since, keys = row.Seq, append(keys, row.EntityKey)
		}
		if last && len(page.Mutations) == 0 {
			return keys
		}
	}
}

// ask says whether a request was answered well.
func (l *sharedLoad) ask(method, url, body, key string, answer any) bool {
	req, err := http.NewRequestWithContext(l.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		l.t.Error(err)
		return true
	}
	req.Header.Set("Authorization", "Bearer "+l.token)
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	text, err := io.ReadAll(resp.Body)
	if _ = resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
		return false
	}
	return answer == nil || json.Unmarshal(text, answer) == nil
}

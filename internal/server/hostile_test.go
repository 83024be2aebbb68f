package server_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/server"
)

// crowd is one account on a server that asks for all it can get, and another that does not.
type crowd struct {
	t             *testing.T
	dir           string // of the server
	hostile, calm client
}

func newCrowd(t *testing.T) *crowd {
	dir := t.TempDir()
	c := listen(t, open(t, server.Options{Dir: dir}))
	return &crowd{t, dir, c.as(c.as("").register("hostile").AccessToken), c.as(c.as("").register("calm").AccessToken)}
}

// calmWorks lets the other account do what it always does.
func (x *crowd) calmWorks() {
	x.t.Helper()
	x.calm.post("/sync/push", `{"chunk_id":"00000001"}`).want(x.t, http.StatusOK, "")
	x.calm.get("/sync/pull").want(x.t, http.StatusOK, "")
	x.calm.post("/sync/mutations/push", mutations(`{}`)).want(x.t, http.StatusOK, "")
	if p := x.calm.page(""); len(p.seqs()) == 0 {
		x.t.Error("its page is empty")
	}
}

// Readers who take nothing keep nobody but themselves from anything.
func TestPagesOfACrowd(t *testing.T) {
	x := newCrowd(t)
	const size = 9 << 20 // more than the system takes from the server and keeps for a reader
	x.hostile.post("/sync/mutations/push", mutations(`{"content":"`+strings.Repeat("x", size)+`"}`)).want(t, http.StatusOK, "")
	for range 64 {
		x.hostile.unread("/sync/mutations/pull", size)
	}
	x.calmWorks()
	// Of those behind them as many wait, for a while; the rest is told at once to come again.
	ctx, cancel := context.WithCancel(t.Context())
	var others sync.WaitGroup
	told := make(chan reply, 100)
	for range 100 {
		others.Go(func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, x.hostile.url+"/sync/pull", nil)
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Authorization", "Bearer "+x.hostile.token)
			if resp, err := x.hostile.http.Do(req); err == nil {
				told <- reply{status: resp.StatusCode, header: resp.Header}
				_ = resp.Body.Close()
			}
		})
	}
	for range 100 - 64 {
		if r := <-told; r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
			t.Errorf("%d, %v", r.status, r.header)
		}
	}
	x.calmWorks()
	cancel()
	others.Wait()
}

// Slow readers of one list or page have it from one file, until the list is another or the last of them is gone.
func TestOneFileForAllReaders(t *testing.T) {
	x := newCrowd(t)
	files := func() int {
		t.Helper()
		list, err := os.ReadDir(filepath.Join(x.dir, "spool"))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	// Six bytes of a list are one of a name.
	const chunks, size = 1000, 6_000_000
	push := func(n int) {
		x.hostile.post("/sync/push", fmt.Sprintf(`{"chunk_id":"%08x","created_by":%q}`, n, strings.Repeat("<", 1024))).want(t, http.StatusOK, "")
	}
	var pushes sync.WaitGroup
	for worker := range 16 {
		pushes.Go(func() {
			for n := worker; n < chunks; n += 16 {
				push(n)
			}
		})
	}
	pushes.Wait()
	x.hostile.post("/sync/mutations/push", mutations(`{"content":"`+strings.Repeat("x", size)+`"}`)).want(t, http.StatusOK, "")
	for range 12 {
		x.hostile.unread("/sync/pull", size)
		x.hostile.unread("/sync/mutations/pull?limit=1", size)
	}
	if n := files(); n != 2 {
		t.Errorf("%d files for a list and a page", n)
	}
	push(chunks)
	x.hostile.post("/sync/mutations/push", mutations(`{}`)).want(t, http.StatusOK, "")
	for range 2 {
		x.hostile.unread("/sync/pull", size)
		if p := x.hostile.page("?limit=1"); p.HasMore != true {
			t.Error("a page that was there before does not know what came")
		}
	}
	if n := files(); n != 3 {
		t.Errorf("%d files, with another list", n)
	}
	x.calmWorks()
}

// A batch of more rows than anybody sends is refused while it comes in, without the rest of it, and not at once: who
// sends such batches again and again has a few of them refused in a second.
func TestABatchOfTinyRows(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := inProcess(t, open(t, server.Options{Dir: dir}))
		row := `{"entity":"e","op":"o","payload":{}},`
		rest, sent := io.Pipe()
		began := time.Now()
		body := io.MultiReader(strings.NewReader(`{"mutations":[`+strings.Repeat(row, 20_000)), rest)
		c.do(http.MethodPost, "/sync/mutations/push", body).
			want(t, http.StatusRequestEntityTooLarge, failure("a batch may have at most 10000 mutations"))
		if took := time.Since(began); took != time.Second {
			t.Errorf("it is refused after %s", took)
		}
		shut(t, sent)
		whole := `{"mutations":[` + strings.Repeat(row, 9_999) + strings.TrimSuffix(row, ",") + `]}`
		c.post("/sync/mutations/push", whole).want(t, http.StatusOK, `{"accepted":10000,"last_seq":10000}`+"\n")
		c.http.CloseIdleConnections()
	})
}

// Bodies of which no more comes take no one's place.
func TestBodiesThatStop(t *testing.T) {
	x := newCrowd(t)
	ctx, cancel := context.WithCancel(t.Context())
	var stalled sync.WaitGroup
	for range 120 {
		waiting := make(chan struct{})
		stalled.Go(func() { _, _ = stall(ctx, x.hostile, "/sync/push", waiting) })
		<-waiting
	}
	x.calmWorks()
	cancel()
	stalled.Wait()
}

// What a server listens on has a bound for each client.
func TestConnectionsOfACrowd(t *testing.T) {
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, server.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Serve(ctx, s.LimitConnections(ln)) }()
	var d net.Dialer
	var conns []net.Conn
	for range 512 {
		conn, err := d.DialContext(t.Context(), "tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	one, err := d.DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := one.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("one more than it may have is open")
	}
	for _, conn := range append(conns, one) {
		shut(t, conn)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

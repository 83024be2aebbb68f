package server_test

import (
	"context"
	"errors"
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

// inProcess gives a client without a listener.
func inProcess(t testing.TB, s *server.Server) client {
	t.Helper()
	token, err := s.LocalToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return client{t: t, url: "http://any.invalid", token: token, http: &http.Client{Transport: s.InProcess()}}
}

func TestInProcessIsTheSameServer(t *testing.T) {
	s := open(t, server.Options{})
	c := inProcess(t, s)
	want, err := io.ReadAll(bigBody("00000001", 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			c.do(http.MethodPost, "/sync/push", bigBody("00000001", 1<<20)).want(t, 200, accepted("00000001", 0, 0, 1))
			c.get("/sync/pull/00000001").want(t, 200, string(want))
		})
	}
	all.Wait()
	c.as("").get("/sync/pull").want(t, 401, missing)
	c.do(http.MethodPost, "/sync/push", bigBody("00000002", 50<<20+1)).want(t, 413, "")
	// Another transport, the same server.
	if got := strings.Count(inProcess(t, s).get("/sync/pull").body, "00000001"); got != 1 {
		t.Errorf("listed %d times", got)
	}
}

func TestInProcessEndsWithTheServer(t *testing.T) {
	s, err := server.Open(t.Context(), server.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	used, unused := inProcess(t, s), inProcess(t, s)
	used.get("/sync/pull").want(t, 200, "")
	for range 2 { // twice is fine
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []client{used, unused} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+"/health", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.status(req); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
}

// endless is a body of which the first bytes come, and then nothing.
type endless struct {
	io.Reader
	waiting chan struct{} // closed once the rest is waited for
	ctx     context.Context
	once    sync.Once
}

func (e *endless) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if err == nil {
		return n, nil
	}
	e.once.Do(func() { close(e.waiting) })
	<-e.ctx.Done()
	return 0, e.ctx.Err()
}

// status sends a request that may fail.
func (c client) status(req *http.Request) (int, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// stall posts half a body and then waits, until ctx ends or the server has enough.
func stall(ctx context.Context, c client, path string, waiting chan struct{}) (status int, err error) {
	body := &endless{Reader: strings.NewReader(`{"x":[]`), waiting: waiting, ctx: ctx}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+path, body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	return c.status(req)
}

func TestACanceledPushLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s, err := server.Open(t.Context(), server.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/sync/push", "/sync/mutations/push"} {
		ctx, cancel := context.WithCancel(t.Context())
		waiting := make(chan struct{})
		go func() {
			<-waiting
			cancel()
		}()
		if _, err := stall(ctx, inProcess(t, s), path, waiting); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", path, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "spool")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// A slow client has all the time it needs; one that stops has half a minute, and one that only drips,
// which costs it nothing, has one.
func TestAStalledBodyIsCutOff(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, server.Options{Dir: dir})
		c := inProcess(t, s)
		long := `{"chunk_id":"00000001","data":{"prompts":[{"content":"` + strings.Repeat("x", 1<<20) + `"}]}}`
		c.do(http.MethodPost, "/sync/push", &slowReader{text: long, piece: 100 << 10, pause: 5 * time.Second}).want(t, 200, "")

		start := time.Now()
		drop := &slowReader{text: long, piece: 1, pause: 20 * time.Second}
		c.do(http.MethodPost, "/sync/push", drop).want(t, http.StatusRequestTimeout, "")
		if took := time.Since(start).Round(time.Second); took != time.Minute {
			t.Errorf("one that drips has %s", took)
		}

		start = time.Now()
		status, err := stall(t.Context(), c, "/sync/push", make(chan struct{}))
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); status != http.StatusRequestTimeout || took != 30*time.Second {
			t.Errorf("status %d after %s", status, took)
		}
		c.http.CloseIdleConnections()
	})
}

// The time limit is for clients: storing may take longer.
func TestASlowServerDoesNotCutOffAClient(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		slow := func() time.Time {
			<-time.After(time.Minute)
			return time.Now()
		}
		c := inProcess(t, open(t, server.Options{Dir: dir, Now: slow}))
		c.post("/sync/push", `{"chunk_id":"00000001"}`).want(t, 200, "")
		c.http.CloseIdleConnections()
	})
}

// slowReader gives a piece after each pause.
type slowReader struct {
	text  string
	piece int
	pause time.Duration
}

func (r *slowReader) Read(p []byte) (int, error) {
	if r.text == "" {
		return 0, io.EOF
	}
	<-time.After(r.pause)
	n := copy(p, r.text[:min(r.piece, len(r.text))])
	r.text = r.text[n:]
	return n, nil
}

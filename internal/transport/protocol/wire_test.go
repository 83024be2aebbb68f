package protocol_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/transport"
)

// rawServer gives each connection to serve, and counts them.
func rawServer(t *testing.T, serve func(n int32, conn *net.TCPConn)) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it ends with the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	var n atomic.Int32
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				serve(n.Add(1), conn.(*net.TCPConn))
			}()
		}
	}()
	return "http://" + listener.Addr().String()
}

// big is a batch of more bytes than any socket buffers.
func big() []transport.MutationEntry {
	e := wiretest.Session("big")
	e.Payload = json.RawMessage(`"` + strings.Repeat("x", 8<<20) + `"`)
	return []transport.MutationEntry{e}
}

// A server that says no before it has read the request is heard, and is not
// asked again.
func TestAnEarlyAnswerIsRead(t *testing.T) {
	for name, tc := range map[string]struct {
		answer, kind string
		class        error
	}{
		"413": {"413 Request Entity Too Large\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 43\r\n\r\n" +
			`{"error":"body too large (max 1024 bytes)"}`, "1 rows over 1024", transport.ErrRefused},
		"401": {"401 Unauthorized\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n" +
			`{"error":"no no"}`[:16], "", transport.ErrUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int32
			url := rawServer(t, func(_ int32, conn *net.TCPConn) {
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
					return
				}
				requests.Add(1)
				_, _ = io.WriteString(conn, "HTTP/1.1 "+tc.answer)
				_ = conn.CloseWrite()
				_, _ = io.Copy(io.Discard, conn) // as servers do that want to be heard
			})
			_, err := wiretest.Dial(t, url, transport.Options{}).PushMutations(t.Context(), big(), "key")
			if wiretest.KindOf(err) != tc.kind || requests.Load() != 1 {
				t.Errorf("got %v after %d requests", err, requests.Load())
			}
			wiretest.OneClass(t, err, tc.class)
		})
	}
}

// A connection that is cut inside the request left nothing behind: the batch goes
// again, and arrives once.
func TestABatchThatIsCutInsideGoesAgain(t *testing.T) {
	var whole atomic.Int32
	url := rawServer(t, func(n int32, conn *net.TCPConn) {
		in := bufio.NewReader(conn)
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if n == 1 {
			_, _ = io.CopyN(io.Discard, req.Body, 1000)
			_ = conn.SetLinger(0)
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err == nil {
			whole.Add(1)
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n"+`{"accepted":1,"last_seq":7}`)
	})
	result, err := wiretest.Dial(t, url, transport.Options{}).PushMutations(t.Context(), big(), "key")
	if err != nil || result.LastSeq != 7 || whole.Load() != 1 {
		t.Errorf("got %v, %v, whole %d times", result, err, whole.Load())
	}
}

// A kept connection that breaks after the request is the trap: net/http sends
// requests with an Idempotency-Key again by itself.
func TestNobodySendsABatchTwice(t *testing.T) {
	var requests, keys atomic.Int32
	url := rawServer(t, func(_ int32, conn *net.TCPConn) {
		in := bufio.NewReader(conn)
		for i := 0; ; i++ {
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			requests.Add(1)
			if req.Header.Get("Idempotency-Key") == "key" {
				keys.Add(1)
			}
			_, _ = io.Copy(io.Discard, req.Body)
			if i == 1 {
				return // it was stored, and the answer is lost
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\n"+`{"accepted":2,"last_seq":42}`)
		}
	})
	remote := wiretest.Dial(t, url, transport.Options{})
	if _, err := remote.PushMutations(t.Context(), wiretest.Two(), "key"); err != nil {
		t.Fatal(err)
	}
	_, err := remote.PushMutations(t.Context(), wiretest.Two(), "key")
	if wiretest.KindOf(err) != "uncertain, done false" || requests.Load() != 2 || keys.Load() != 2 {
		t.Errorf("got %v after %d requests, %d with a key", err, requests.Load(), keys.Load())
	}
}

// An answer that is cut in its middle says nothing.
func TestAnAnswerThatIsCutIsUncertain(t *testing.T) {
	url := rawServer(t, func(_ int32, conn *net.TCPConn) {
		req, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\n"+`{"accepted":2,"last`)
	})
	_, err := wiretest.Dial(t, url, transport.Options{}).PushMutations(t.Context(), wiretest.Two(), "")
	if wiretest.KindOf(err) != "uncertain, done false" {
		t.Errorf("got %v", err)
	}
	wiretest.OneClass(t, err, transport.ErrOutcomeUnknown)
}

var errGoAway = errors.New("the user went away")

// An interruption is uncertain only where the server may have the batch.
func TestAnInterruptedBatch(t *testing.T) {
	for name, tc := range map[string]struct {
		way  func(req *http.Request) (*http.Response, error)
		kind string
	}{
		"sent whole": {func(req *http.Request) (*http.Response, error) {
			_, _ = io.Copy(io.Discard, req.Body)
			<-req.Context().Done()
			return nil, req.Context().Err()
		}, "uncertain, done false"},
		"inside": {func(req *http.Request) (*http.Response, error) {
			_, _ = io.CopyN(io.Discard, req.Body, 10)
			<-req.Context().Done()
			return nil, req.Context().Err()
		}, ""},
		"waiting after 429": {func(req *http.Request) (*http.Response, error) {
			_, _ = io.Copy(io.Discard, req.Body)
			return wiretest.Answer(req, http.StatusTooManyRequests, wiretest.Failure("slow down"), "Retry-After: 30"), nil
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(errGoAway) })
				_, err := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(tc.way)}).PushMutations(ctx, wiretest.Two(), "key")
				if wiretest.KindOf(err) != tc.kind || (tc.kind == "") != errors.Is(err, errGoAway) {
					t.Errorf("got %v", err)
				}
				wiretest.OneLine(t, err)
			})
		})
	}
}

// No redirect of a push is followed, and what it would have lost stays here.
func TestABatchIsNotRedirected(t *testing.T) {
	var others atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/sync/mutations/push" {
			others.Add(1)
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	_, err := wiretest.Dial(t, server.URL, transport.Options{}).PushMutations(t.Context(), wiretest.Two(), "key")
	if others.Load() != 0 || err == nil || !strings.Contains(err.Error(), "/elsewhere") {
		t.Errorf("got %v, followed %d times", err, others.Load())
	}
	wiretest.OneClass(t, err, transport.ErrNotEngram)
}

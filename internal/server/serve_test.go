package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/server"
)

// serve runs Serve on loopback. stop ends it and gives what it returned.
func serve(t *testing.T, s *server.Server) (addr string, stop func() error) {
	t.Helper()
	var listening net.ListenConfig
	ln, err := listening.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	return ln.Addr().String(), func() error {
		cancel()
		return <-done
	}
}

func dial(t *testing.T, addr string) (net.Conn, error) {
	t.Helper()
	var dialer net.Dialer
	return dialer.DialContext(t.Context(), "tcp", addr)
}

// expect makes the server say when a handler waits for the body.
const expect = "Expect: 100-continue\r\n"

// startPush sends the head of a push with one more header or none. After expect
// it returns once a handler waits for the body.
func startPush(t *testing.T, s *server.Server, addr string, length int, header string) (net.Conn, *bufio.Reader) {
	t.Helper()
	token, err := s.LocalToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dial(t, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, conn) })
	send(t, conn, fmt.Sprintf("POST /sync/push HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n%s\r\n",
		token, length, header))
	from := bufio.NewReader(conn)
	if header != expect {
		return conn, from
	}
	line, err := from.ReadString('\n')
	if err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("got %q, %v", line, err)
	}
	if line, err = from.ReadString('\n'); err != nil || line != "\r\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	return conn, from
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, from *bufio.Reader) reply {
	t.Helper()
	resp, err := http.ReadResponse(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, resp.Body)
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(text)}
}

func TestShutdownLetsARequestFinish(t *testing.T) {
	s := open(t, server.Options{})
	addr, stop := serve(t, s)
	const body = `{"chunk_id":"0cdb38de"}`
	conn, from := startPush(t, s, addr, len(body), expect)
	send(t, conn, body[:10])

	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	for { // until it takes no more connections
		late, err := dial(t, addr)
		if err != nil {
			break
		}
		shut(t, late)
	}
	send(t, conn, body[10:])
	receive(t, from).want(t, 200, accepted("0cdb38de", 0, 0, 0))
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestServeTellsWhyItCannot(t *testing.T) {
	s := open(t, server.Options{})
	var listening net.ListenConfig
	ln, err := listening.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	shut(t, ln)
	if err := s.Serve(t.Context(), ln); err == nil || !strings.HasPrefix(err.Error(), "serve: ") {
		t.Errorf("got %v", err)
	}
}

// account-server.md 10: a body that ends too early is told so and not stored,
// even if what came is a whole chunk.
func TestATruncatedBodyIsNotStored(t *testing.T) {
	s := open(t, server.Options{})
	addr, stop := serve(t, s)
	const body = `{"chunk_id":"0cdb38de"}`
	conn, from := startPush(t, s, addr, len(body)+1, expect)
	send(t, conn, body)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	receive(t, from).want(t, 400, failure("failed to read body: unexpected EOF"))
	if err := stop(); err != nil {
		t.Error(err)
	}
	listen(t, s).get("/sync/pull").want(t, 200, `{"chunks":[],"version":1}`+"\n")
}

// Many clients look for an answer only when all is sent.
func TestABadBodyIsReadToItsEnd(t *testing.T) {
	s := open(t, server.Options{})
	addr, stop := serve(t, s)
	for body, status := range map[string]int{
		strings.Repeat("x", 8<<20):           400,
		strings.Repeat(" ", maxPush+(8<<20)): 413,
	} {
		conn, from := startPush(t, s, addr, len(body), "")
		send(t, conn, body)
		receive(t, from).want(t, status, "")
	}
	// Too large, and cut off as well.
	conn, from := startPush(t, s, addr, 2*maxPush, "")
	send(t, conn, strings.Repeat(" ", maxPush+1))
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	receive(t, from).want(t, 413, failure("request body too large (max 50MB)"))
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A client that waits for leave to send learns first that it may not.
func TestRefusalsComeBeforeTheBody(t *testing.T) {
	s := open(t, server.Options{})
	addr, stop := serve(t, s)
	token, err := s.LocalToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for authorization, status := range map[string]int{"Bearer x": 401, "Bearer " + token: 413} {
		conn, err := dial(t, addr)
		if err != nil {
			t.Fatal(err)
		}
		defer shut(t, conn)
		send(t, conn, "POST /sync/push HTTP/1.1\r\nHost: x\r\nAuthorization: "+authorization+
			"\r\nContent-Length: 52428801\r\nExpect: 100-continue\r\n\r\n")
		receive(t, bufio.NewReader(conn)).want(t, status, "")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

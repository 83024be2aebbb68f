package recorded

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sendFor bounds one exchange: a server that stands still fails the test.
const sendFor = time.Minute

// Answer is what a server under test said.
type Answer struct {
	Status int
	Header http.Header
	Closes bool // the connection, by its own word
	Body   []byte
}

// Send asks the server at addr, byte for byte as recorded but for values, over a
// connection of its own. It reads while it writes, as the recorder did.
func (r Request) Send(t testing.TB, addr string, values Values) Answer {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: sendFor}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // the answer is here, or the test has failed
	if err := conn.SetDeadline(time.Now().Add(sendFor)); err != nil {
		t.Fatal(err)
	}
	var sendErr error
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		sendErr = r.write(conn.(*net.TCPConn), values)
	}()
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: r.Method})
	if err != nil {
		_ = conn.Close()
		<-wrote
		t.Fatal(errors.Join(err, sendErr))
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	// Who answers early hangs up on the rest of a body: that is no failure.
	_ = conn.Close()
	<-wrote
	return Answer{Status: resp.StatusCode, Header: resp.Header, Closes: resp.Close, Body: body}
}

func (r Request) write(conn *net.TCPConn, values Values) error {
	body := r.Body.String()
	if r.Body.SHA256 == "" { // recipes hold no names
		body = values.fill(body)
	}
	var head strings.Builder
	head.WriteString(r.Method + " " + r.Path + " HTTP/1.1\r\nHost: " + conn.RemoteAddr().String() + "\r\n")
	for _, h := range r.Headers {
		head.WriteString(h.Name + ": " + values.fill(h.Value) + "\r\n")
	}
	if r.Headers.Get("Content-Length") == "" && r.Method != http.MethodGet && r.Method != http.MethodHead {
		head.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	head.WriteString("\r\n")
	if _, err := io.WriteString(conn, head.String()); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, body); err != nil {
		return err
	}
	if r.Truncated != "" {
		return conn.CloseWrite()
	}
	return nil
}

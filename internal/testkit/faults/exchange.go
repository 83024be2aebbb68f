package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
)

// Exchange is a request that is on its way to the server, of which the head was read.
type Exchange struct {
	Request *http.Request

	conn    *conn
	handler http.Handler
}

// Answer is what the server says, with a head that can be changed.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Answer lets the server have the request.
func (x *Exchange) Answer() *Answer { return x.ask(x.Request) }

func (x *Exchange) ask(r *http.Request) *Answer {
	recorder := httptest.NewRecorder()
	x.handler.ServeHTTP(recorder, r.WithContext(context.Background()))
	x.drain()
	return &Answer{recorder.Code, recorder.Header(), recorder.Body.Bytes()}
}

// other is the server's answer to another question of the same kind of client.
func (x *Exchange) other(target string) *Answer {
	x.drain()
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, target, nil)
	r.Header = x.Request.Header
	return x.ask(r)
}

var errCut = errors.New("the rest was lost")

// beginning lets the server have the first bytes of the body, and no more.
func (x *Exchange) beginning(size int64) {
	if x.Request.Method == http.MethodGet {
		return
	}
	r := x.Request.Clone(context.Background())
	r.Body = io.NopCloser(io.MultiReader(io.LimitReader(x.Request.Body, size), cut{}))
	x.handler.ServeHTTP(httptest.NewRecorder(), r)
}

type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, errCut }

// drain reads the body to its end.
func (x *Exchange) drain() { _, _ = io.Copy(io.Discard, x.Request.Body) } // a client that hung up sent what it sent

// say writes to the client, and says whether that reads on.
func (x *Exchange) say(text string) bool {
	_, err := io.WriteString(x.conn, text)
	return err == nil
}

func (a *Answer) write(x *Exchange) bool { return x.say(a.head() + string(a.Body)) }

// head is all that stands before the body.
func (a *Answer) head() string { return a.start(fmt.Sprintf("Content-Length: %d", len(a.Body))) }

// start is the head with other lines about the length.
func (a *Answer) start(length string) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", a.Status, http.StatusText(a.Status))
	_ = a.Header.WriteSubset(&b, map[string]bool{"Content-Length": true})
	if length != "" {
		b.WriteString(length + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

// message is an answer of anybody's, whole.
func message(status int, kind, body string, headers ...string) string {
	lines := []string{fmt.Sprintf("HTTP/1.1 %d %s", status, http.StatusText(status)), fmt.Sprintf("Content-Length: %d", len(body))}
	if kind != "" {
		lines = append(lines, "Content-Type: "+kind)
	}
	return strings.Join(append(lines, headers...), "\r\n") + "\r\n\r\n" + body
}

// page is what proxies and portals show.
func page(status int, title string, headers ...string) string {
	return message(status, "text/html", fmt.Sprintf("<html><head><title>%s</title></head><body>%s</body></html>\n", title, title), headers...)
}

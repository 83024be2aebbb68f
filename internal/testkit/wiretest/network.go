// Package wiretest has what the tests of the transport and of the packages below it
// have in common: networks, servers, chunks and batches, and what errors have to be.
// Only those tests may use it.
package wiretest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/engram-sync/engram-sync/internal/transport"
)

// Somewhere is a base URL for transports whose Base never goes to a network.
const Somewhere = "https://engram.example.com"

// Token is a source that always gives the same one.
type Token string

// Token implements transport.TokenSource.
func (t Token) Token(context.Context) (string, error) { return string(t), nil }

// Base is a fake of the network.
type Base func(*http.Request) (*http.Response, error)

// RoundTrip keeps the promise of every RoundTripper to close the body.
func (b Base) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer func() { _ = req.Body.Close() }()
	}
	return b(req)
}

// Answer makes a response. headers are "Name: value"; JSON is the default type.
func Answer(req *http.Request, status int, body string, headers ...string) *http.Response {
	resp := &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(strings.NewReader(body)), Request: req,
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		resp.Header.Set(name, value)
	}
	return resp
}

// Failure is an error body as an account server writes it.
func Failure(text string) string { return `{"error":"` + text + `"}` + "\n" }

// Dial makes a transport with a token.
func Dial(t testing.TB, url string, opts transport.Options) *transport.RemoteTransport {
	t.Helper()
	remote, err := transport.NewRemoteTransport(url, Token("secret-token"), opts)
	if err != nil {
		t.Fatal(err)
	}
	return remote
}

// Notes collects what a transport tells its user.
type Notes struct {
	mu    sync.Mutex
	waits []transport.Wait
}

// Add hears of a wait.
func (n *Notes) Add(w transport.Wait) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.waits = append(n.waits, w)
}

// All are the waits so far.
func (n *Notes) All() []transport.Wait {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]transport.Wait{}, n.waits...)
}

// EmptyManifest is what a server without chunks answers.
const EmptyManifest = `{"chunks":[],"version":1}` + "\n"

// Recorder answers every request alike and keeps what it saw.
type Recorder struct {
	Seen []*http.Request
	Body string
}

// RoundTrip implements http.RoundTripper.
func (r *Recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.Seen = append(r.Seen, req)
	return Answer(req, http.StatusOK, r.Body), nil
}

// Story is how a server, or the way to it, treats every attempt.
type Story struct {
	Name   string
	Status int
	Body   string // with it an error of the server's own format
	Err    error
}

// Attempt is what the story says that comes of a request.
func (s Story) Attempt(req *http.Request) (*http.Response, error) {
	if s.Err != nil {
		return nil, s.Err
	}
	if s.Body != "" {
		return Answer(req, s.Status, Failure(s.Body)), nil
	}
	return Answer(req, s.Status, "", "Content-Type: "), nil
}

// DialError is a connection that did not come about.
func DialError(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }

// Title names a test that tells the story.
func (s Story) Title() string {
	if s.Name != "" {
		return s.Name
	}
	return http.StatusText(s.Status) + " " + s.Body[:min(len(s.Body), 20)]
}

// Accepted is the answer of an account server that has stored a chunk.
func Accepted(req *http.Request, chunk Chunk) *http.Response {
	return Answer(req, http.StatusOK, `{"chunk_id":"`+chunk.ID().String()+`","status":"accepted"}`)
}

// Received is what a server got of one request.
type Received struct {
	Method, Path, ContentType string
	Length                    int64
	Coding                    []string
	Body                      string
	Err                       error // of reading the body: nil means that it was complete
}

// Receive reads a request.
func Receive(r *http.Request) Received {
	body, err := io.ReadAll(r.Body)
	return Received{
		Method: r.Method, Path: r.URL.Path, ContentType: r.Header.Get("Content-Type"),
		Length: r.ContentLength, Coding: r.TransferEncoding, Body: string(body), Err: err,
	}
}

// ErrDisk is an error of the caller's own side.
var ErrDisk = errors.New("disk on fire")

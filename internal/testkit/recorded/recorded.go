// Package recorded reads the exchanges that real Engram Cloud servers were
// recorded with, sends their requests again and tells answers apart. Only tests import it.
package recorded

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
)

// The recordings. Each is one server's life from an empty database on, so their order matters.
const (
	Account194  = "account-1.9.4"
	Project1161 = "project-1.16.1"
	Project120  = "project-1.20"
)

// Exchange is one request and what the real server answered.
type Exchange struct {
	Name    string `json:"name"` // unique in its recording
	About   string `json:"about"`
	Section string `json:"section"`

	Request  Request  `json:"request"`
	Response Response `json:"response"`

	// Volatile are members whose values were different each time, wherever they
	// stand in the body; "header X" is a header.
	Volatile []string `json:"volatile"`
	// Database is the state that the server's PostgreSQL was in; "" is up.
	Database string `json:"database"`
	// Before is what was done to the server from outside just before.
	Before []string `json:"before"`
}

// Request is what was sent. Names in it such as TOKEN_A stand for secrets: see Values.
type Request struct {
	Method  string  `json:"method"`
	Path    string  `json:"path"` // as it stands in the request line, query included
	Headers Headers `json:"headers"`
	// Truncated, if it is not "", says that the sender closed before the
	// Content-Length that it announced.
	Truncated string `json:"truncated"`
	Body      Body   `json:"-"`
}

// Header is one header line of a request.
type Header struct{ Name, Value string }

// Headers are the header lines of a request without Host and Content-Length; a
// name may come twice.
type Headers []Header

// Response is what the server answered: Body, or a Summary of a large one.
type Response struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    []byte            `json:"-"`
	Summary *Summary          `json:"-"`
}

// Summary stands for a body of more than 40,000 bytes. Rows and what follows are
// about pages of a journal.
type Summary struct {
	Size     int    `json:"size"`
	SHA256   string `json:"sha256"`
	Starts   string `json:"starts"`
	Ends     string `json:"ends"`
	Rows     *int   `json:"rows"`
	FirstSeq int64  `json:"first_seq"`
	LastSeq  int64  `json:"last_seq"`
	HasMore  bool   `json:"has_more"`
}

// Load reads a recording.
func Load(t testing.TB, name string) []Exchange {
	t.Helper()
	file, err := os.Open(fixtures.Recording(name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // it was only read
	var exchanges []Exchange
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var e Exchange
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%s, line %d: %v", name, len(exchanges)+1, err)
		}
		exchanges = append(exchanges, e)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return exchanges
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *Request) UnmarshalJSON(text []byte) error {
	type plain Request
	var body struct {
		Text   json.RawMessage `json:"body"`
		Base64 []byte          `json:"body_base64"`
	}
	if err := errors.Join(json.Unmarshal(text, (*plain)(r)), json.Unmarshal(text, &body)); err != nil {
		return err
	}
	if body.Base64 != nil {
		r.Body.parts = []part{{Text: string(body.Base64)}}
	}
	if body.Text == nil {
		return nil
	}
	return json.Unmarshal(body.Text, &r.Body)
}

// UnmarshalJSON implements json.Unmarshaler: an object, or a list of pairs where
// a name comes twice.
func (h *Headers) UnmarshalJSON(text []byte) error {
	var pairs [][2]string
	if err := json.Unmarshal(text, &pairs); err != nil {
		var object map[string]string
		if err := json.Unmarshal(text, &object); err != nil {
			return err
		}
		for name, value := range object {
			pairs = append(pairs, [2]string{name, value})
		}
		slices.SortFunc(pairs, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	}
	for _, pair := range pairs {
		*h = append(*h, Header{pair[0], pair[1]})
	}
	return nil
}

// Get is the value of the first header with this name.
func (h Headers) Get(name string) string {
	for _, header := range h {
		if header.Name == name {
			return header.Value
		}
	}
	return ""
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *Response) UnmarshalJSON(text []byte) error {
	type plain Response
	var body struct {
		Text   json.RawMessage `json:"body"`
		Base64 []byte          `json:"body_base64"`
	}
	if err := errors.Join(json.Unmarshal(text, (*plain)(r)), json.Unmarshal(text, &body)); err != nil {
		return err
	}
	r.Body = body.Base64
	switch {
	case len(body.Text) == 0:
		return nil
	case body.Text[0] == '{':
		return json.Unmarshal(body.Text, &r.Summary)
	}
	var words string
	err := json.Unmarshal(body.Text, &words)
	r.Body = []byte(words)
	return err
}

package projectserver_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
)

const token = "s3cret"

// client talks to one server over loopback.
type client struct {
	t      *testing.T
	server *projectserver.Server
	url    string
	token  string
}

func start(t *testing.T, opts projectserver.Options) *client {
	t.Helper()
	if opts.Projects == nil {
		opts.Projects = []string{"proj-a", "proj-b"}
	}
	server := projectserver.New(opts)
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	return &client{t: t, server: server, url: listener.URL, token: opts.Token}
}

type answer struct {
	status int
	header http.Header
	text   string
}

// do sends a request; headers are "Name: value".
func (c *client) do(method, path, body string, headers ...string) answer {
	c.t.Helper()
	a := wiretest.Ask(c.t, http.DefaultClient, c.token, method, c.url+path, strings.NewReader(body), headers...)
	return answer{a.Status, a.Header, a.Body}
}

// is fails the test unless an answer has this status and text in it.
func (c *client) is(a answer, status int, text string) {
	c.t.Helper()
	if a.status != status || !strings.Contains(a.text, text) {
		c.t.Errorf("got %d %s, want %d with %s", a.status, a.text, status, text)
	}
}

// push pushes a chunk's data to proj-a.
func (c *client) push(data string) answer {
	c.t.Helper()
	return c.do("POST", "/sync/push", `{"project":"proj-a","data":`+data+`}`)
}

// mutate pushes entries, each the text of an object.
func (c *client) mutate(entries ...string) answer {
	c.t.Helper()
	return c.do("POST", "/sync/mutations/push", `{"entries":[`+strings.Join(entries, ",")+`]}`)
}

// mutation is an upsert entry of proj-a.
func mutation(entity, payload string) string {
	return `{"project":"proj-a","entity":"` + entity + `","entity_key":"","op":"upsert","payload":` + payload + `}`
}

type row struct {
	Seq       int64           `json:"seq"`
	Project   string          `json:"project"`
	Entity    string          `json:"entity"`
	EntityKey string          `json:"entity_key"`
	Op        string          `json:"op"`
	Payload   json.RawMessage `json:"payload"`
}

type page struct {
	HasMore   bool  `json:"has_more"`
	LatestSeq int64 `json:"latest_seq"`
	Mutations []row `json:"mutations"`
}

func (c *client) pull(query string) page {
	c.t.Helper()
	var p page
	a := c.do("GET", "/sync/mutations/pull?"+query, "")
	if err := json.Unmarshal([]byte(a.text), &p); err != nil || a.status != http.StatusOK {
		c.t.Fatalf("%d %s: %v", a.status, a.text, err)
	}
	return p
}

const (
	session     = `{"id":"s","directory":"/"}`
	observation = `{"sync_id":"o","session_id":"s","type":"t","title":"T","content":"C","scope":"project"`
	prompt      = `{"sync_id":"p","session_id":"s","content":"C"`
)

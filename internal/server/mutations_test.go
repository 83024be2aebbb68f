package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/server"
)

// mutations is a batch with these payloads, under the keys 0, 1, 2...
func mutations(payloads ...string) string {
	rows := make([]string, len(payloads))
	for i, payload := range payloads {
		rows[i] = fmt.Sprintf(`{"entity":"observation","entity_key":"%d","op":"upsert","payload":%s}`, i, payload)
	}
	return `{"mutations":[` + strings.Join(rows, ",") + `]}`
}

func stored(accepted, lastSeq int) string {
	return fmt.Sprintf(`{"accepted":%d,"last_seq":%d}`+"\n", accepted, lastSeq)
}

// row is a mutation as it is pulled.
type row struct {
	Seq        int
	UserID     string `json:"user_id"`
	Entity     string
	EntityKey  string `json:"entity_key"`
	Op         string
	Payload    json.RawMessage
	OccurredAt string `json:"occurred_at"`
}

type journalPage struct {
	Mutations []row
	HasMore   bool `json:"has_more"`
}

func (c client) page(query string) journalPage {
	c.t.Helper()
	r := c.get("/sync/mutations/pull" + query)
	r.want(c.t, 200, "")
	var p journalPage
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		c.t.Fatalf("%v in %.300q", err, r.body)
	}
	return p
}

// seqs are the numbers of a page's rows.
func (p journalPage) seqs() []int {
	var seqs []int
	for _, m := range p.Mutations {
		seqs = append(seqs, m.Seq)
	}
	return seqs
}

func TestMutationsComeBackAsTheyCame(t *testing.T) {
	now := newClock()
	c := listen(t, open(t, server.Options{Now: now.Now}))
	alice := c.as("").register("alice")
	c = c.as(alice.AccessToken)
	r := c.get("/sync/mutations/pull")
	r.want(t, 200, `{"mutations":[],"has_more":false}`+"\n")
	if r.header.Get("Engram-Sync-Head") != "0" || r.header.Get("Engram-Sync-Journal") != "commit-ordered" || r.header.Get("Date") == "" {
		t.Errorf("headers %v", r.header)
	}
	c.post("/sync/mutations/push", `{"x":[{"entity":1}],"mutations":[
		{"entity":"observation","entity_key":"obs-<1>","op":"upsert","payload":{"b": 1e3, "a":"<&>\u00e9é","b":-0},"seq":7,"occurred_at":"x"},
		{"Entity":"widget","entity_\u006bey":"\ud83d\ude00","OP":"","payload":"{\"project\":\"p\\u0000\"}"} ]}`).
		want(t, 200, stored(2, 1+1))
	now.advance(1500 * time.Microsecond)
	c.post("/sync/mutations/push", `{"mutations":[{"payload":null}]}`).want(t, 200, stored(1, 3))
	head := `"user_id":"` + alice.UserID + `",`
	r = c.get("/sync/mutations/pull")
	r.want(t, 200, `{"mutations":[`+
		`{"seq":1,`+head+`"entity":"observation","entity_key":"obs-<1>","op":"upsert","payload":{"b": 1e3, "a":"<&>\u00e9é","b":-0},"occurred_at":"2026-11-23T12:00:00.000000Z"},`+
		`{"seq":2,`+head+`"entity":"widget","entity_key":"😀","op":"","payload":"{\"project\":\"p\\u0000\"}","occurred_at":"2026-11-23T12:00:00.000000Z"},`+
		`{"seq":3,`+head+`"entity":"","entity_key":"","op":"","payload":null,"occurred_at":"2026-11-23T12:00:00.001500Z"}`+
		`],"has_more":false}`+"\n")
	if r.header.Get("Engram-Sync-Head") != "3" {
		t.Errorf("headers %v", r.header)
	}
}

// Rows of account-server.md 4.1 and 10.
func TestPushedMutations(t *testing.T) {
	row := func(members string) string { return `{"mutations":[{"payload":{}},{` + members + `}]}` }
	const badPayload = "payload must be an object, a string that holds one, or null"
	for _, tt := range []struct {
		name, body string
		want       string // the refusal; "" where it is stored
	}{
		{"an object", row(`"payload":{"project":"p"}`), ""},
		{"duplicate members and large numbers in it", row(`"payload":{"a":1e200000,"a":123456789012345678901234567890}`), ""},
		{"a string that holds an object", row(`"payload":" {\"a\":[]}\n"`), ""},
		{"null", row(`"payload":null`), ""},
		{"a string that holds null", row(`"payload":"null"`), ""},
		{"project null", row(`"payload":{"project":null}`), ""},
		{"a pair of surrogates", row(`"payload":{"a":"\\\ud83d\uDE00\\ud800"}`), ""},
		{"a NUL inside of the text that a string holds", row(`"payload":"{\"a\":\"\\u0000\"}"`), ""},
		{"texts null", row(`"entity":null,"entity_key":null,"op":null,"payload":{}`), ""},
		{"the same twice in a batch", `{"mutations":[{"op":"o","payload":{}},{"op":"o","payload":{}}]}`, ""},
		{"deep", row(`"payload":{"a":` + strings.Repeat("[", 9990) + strings.Repeat("]", 9990) + `}`), ""},

		{"no payload", row(`"op":"delete"`), "mutations[1]: payload is missing"},
		{"an empty row", row(``), "mutations[1]: payload is missing"},
		{"a null row", `{"mutations":[null]}`, "mutations[0]: payload is missing"},
		{"a row that is a list", `{"mutations":[[]]}`, "mutations[0]: it must be an object"},
		{"a number", row(`"payload":1`), "mutations[1]: " + badPayload},
		{"a list", row(`"payload":[]`), "mutations[1]: " + badPayload},
		{"true", row(`"payload":true`), "mutations[1]: " + badPayload},
		{"an empty string", row(`"payload":""`), "mutations[1]: " + badPayload},
		{"a string that is no JSON", row(`"payload":"{a}"`), "mutations[1]: " + badPayload},
		{"a string that holds a list", row(`"payload":"[]"`), "mutations[1]: " + badPayload},
		{"a string that holds a string", row(`"payload":"\"{}\""`), "mutations[1]: " + badPayload},
		{"two objects in a string", row(`"payload":"{}{}"`), "mutations[1]: " + badPayload},
		{"project a number", row(`"payload":{"Project":5}`), "mutations[1]: the payload's project must be a string"},
		{"project a number in a string", row(`"payload":"{\"project\":5}"`), "mutations[1]: the payload's project must be a string"},
		{"a NUL", row(`"payload":{"a":"\u0000"}`), "mutations[1]: payload contains a NUL character"},
		{"a NUL in a name", row(`"payload":{"\\\u0000":1}`), "mutations[1]: payload contains a NUL character"},
		{"half a pair", row(`"payload":{"a":"\ud83d"}`), "mutations[1]: payload contains a lone surrogate"},
		{"half a pair, then a letter", row(`"payload":{"a":"\ud83dx\ude00"}`), "mutations[1]: payload contains a lone surrogate"},
		{"the other half", row(`"payload":{"a":"\ude00\ud83d"}`), "mutations[1]: payload contains a lone surrogate"},
		{"bad UTF-8", row("\"payload\":{\"a\":\"\xff\"}"), "mutations[1]: payload is not valid UTF-8"},
		{"a surrogate in UTF-8", row("\"payload\":{\"a\":\"\xed\xa0\x80\"}"), "mutations[1]: payload is not valid UTF-8"},
		{"entity a number", row(`"entity":1,"payload":{}`), "mutations[1]: entity must be a string"},
		{"op an object", row(`"op":{},"payload":{}`), "mutations[1]: op must be a string"},
		{"a NUL in the key", row(`"entity_key":"a\u0000","payload":{}`), "mutations[1]: entity_key contains a NUL character"},
		{"bad UTF-8 in the key", row("\"entity_key\":\"\xff\",\"payload\":{}"), "mutations[1]: entity_key is not valid UTF-8"},
		{"half a pair in the op", row(`"op":"\ud83d","payload":{}`), "mutations[1]: op contains a lone surrogate"},
		{"two payloads", row(`"payload":{},"PAYLOAD":{}`), "mutations[1]: member payload stands twice"},
		{"two lists", `{"mutations":[],"Mutations":null}`, "invalid json: member mutations stands twice"},
		{"mutations an object", `{"mutations":{}}`, "invalid json: mutations must be an array"},
		{"a list", `[]`, "invalid json: the request must be an object"},
		{"trailing text", row(`"payload":{}`) + `x`, ""}, // see below
		{"cut", `{"mutations":[{"payload":{}}`, ""},
		{"nothing", ``, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := listen(t, open(t, server.Options{}))
			r := c.post("/sync/mutations/push", tt.body)
			switch {
			case tt.want != "":
				r.want(t, 400, failure(tt.want))
			case !json.Valid([]byte(tt.body)):
				r.want(t, 400, "")
			default:
				r.want(t, 200, stored(2, 2))
				return
			}
			c.get("/sync/mutations/pull").want(t, 200, `{"mutations":[],"has_more":false}`+"\n")
		})
	}
}

func TestPushesOfNothing(t *testing.T) {
	c := listen(t, open(t, server.Options{}))
	for _, body := range []string{`null`, `{}`, `{"mutations":null}`, `{"mutations":[]}`, `{"seq":1}`} {
		c.post("/sync/mutations/push", body).want(t, 200, stored(0, 0))
	}
}

func TestTheLimitOfABatch(t *testing.T) {
	if testing.Short() {
		t.Skip("it moves much data, in few goroutines")
	}
	c := listen(t, open(t, server.Options{}))
	const limit = 10 << 20
	batch := mutations(`{"a":"` + strings.Repeat("x", limit-len(mutations(`{"a":""}`))) + `"}`)
	c.post("/sync/mutations/push", batch).want(t, 200, stored(1, 1))
	tooLarge := failure("request body too large (max 10MB)")
	c.post("/sync/mutations/push", batch+"\n").want(t, 413, tooLarge)
	chunked := c.do(http.MethodPost, "/sync/mutations/push", struct{ *strings.Reader }{strings.NewReader(batch + "\n")})
	chunked.want(t, 413, tooLarge)
	p := c.page("")
	if len(p.Mutations) != 1 || p.HasMore || !strings.Contains(batch, string(p.Mutations[0].Payload)) {
		t.Errorf("%d rows, has_more %t", len(p.Mutations), p.HasMore)
	}
}

func TestPagesOfMutations(t *testing.T) {
	c := listen(t, open(t, server.Options{}))
	payloads := make([]string, 1101)
	for i := range payloads {
		payloads[i] = fmt.Sprintf(`{"n":%d}`, i)
	}
	c.post("/sync/mutations/push", mutations(payloads...)).want(t, 200, stored(1101, 1101))
	for _, tt := range []struct {
		query       string
		first, last int // 0: none
		more        bool
	}{
		{"", 1, 100, true},
		{"?since_seq=&limit=", 1, 100, true},
		{"?limit=0", 1, 100, true},
		{"?limit=-5", 1, 100, true},
		{"?limit=many", 1, 100, true},
		{"?limit=99999999999999999999", 1, 100, true},
		{"?limit=3&limit=9", 1, 3, true},
		{"?limit=1000", 1, 1000, true},
		{"?limit=5000", 1, 1000, true},
		{"?since_seq=101&limit=1000", 102, 1101, false},
		{"?since_seq=100&limit=1000", 101, 1100, true},
		{"?since_seq=1100", 1101, 1101, false},
		{"?since_seq=1101", 0, 0, false},
		{"?since_seq=9223372036854775807", 0, 0, false},
		{"?since_seq=-9223372036854775808&limit=1", 1, 1, true},
		{"?since_seq=%2B1099", 1100, 1101, false},
		{"?since_seq=1099&since_seq=x", 1100, 1101, false},
		{"?since_seq=%zz&limit=1", 1, 1, true},
	} {
		t.Run(tt.query, func(t *testing.T) {
			p := c.page(tt.query)
			var want []int
			for seq := tt.first; seq > 0 && seq <= tt.last; seq++ {
				want = append(want, seq)
			}
			if diff := cmp.Diff(want, p.seqs()); diff != "" || p.HasMore != tt.more {
				t.Errorf("has_more %t (-want +got):\n%s", p.HasMore, diff)
			}
		})
	}
	for _, bad := range []string{"x", "+5", "1.0", "9223372036854775808", "0x10", "1_000"} {
		c.get("/sync/mutations/pull?since_seq="+bad).want(t, 400, failure("invalid since_seq parameter"))
	}
}

// A reader gets all rows, whatever they weigh, in pages that are not much larger
// than the largest push.
func TestPagesAreBoundedByBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("it moves much data, in few goroutines")
	}
	c := listen(t, open(t, server.Options{}))
	sizes := []int{1, 3 << 20, 3 << 20, 1, 3 << 20, 9 << 20, 9 << 20, 1, 7 << 20}
	for i, size := range sizes {
		c.post("/sync/mutations/push", mutations(`{"a":"`+strings.Repeat("x", size)+`"}`)).want(t, 200, stored(1, i+1))
	}
	var pages [][]int
	for since, more := 0, true; more; {
		p := c.page(fmt.Sprintf("?since_seq=%d&limit=1000", since))
		pages, more = append(pages, p.seqs()), p.HasMore
		if len(p.Mutations) == 0 || p.Mutations[0].Seq <= since {
			t.Fatalf("a page behind %d with %v", since, p.seqs())
		}
		since = p.Mutations[len(p.Mutations)-1].Seq
	}
	if diff := cmp.Diff([][]int{{1, 2, 3, 4}, {5}, {6}, {7}, {8, 9}}, pages); diff != "" {
		t.Error(diff)
	}
}

func TestJournalsOfAccountsAreApart(t *testing.T) {
	s := open(t, server.Options{})
	c := listen(t, s)
	alice, bob := c.as(c.as("").register("alice").AccessToken), c.as(c.as("").register("bob").AccessToken)
	const key = "Idempotency-Key: same"
	alice.post("/sync/mutations/push", mutations(`{"of":"alice"}`), key).want(t, 200, stored(1, 1))
	bob.post("/sync/mutations/push", mutations(`{"of":"bob"}`, `{"of":"bob"}`), key).want(t, 200, stored(2, 3))
	alice.post("/sync/mutations/push", mutations(`{"of":"alice"}`)).want(t, 200, stored(1, 4))
	for _, tt := range []struct {
		c    client
		name string
		seqs []int
	}{{alice, "alice", []int{1, 4}}, {bob, "bob", []int{2, 3}}, {c, "nobody", nil}} {
		p := tt.c.page("?limit=2")
		if diff := cmp.Diff(tt.seqs, p.seqs()); diff != "" || p.HasMore {
			t.Errorf("%s: has_more %t, %s", tt.name, p.HasMore, diff)
		}
		for _, m := range p.Mutations {
			if string(m.Payload) != `{"of":"`+tt.name+`"}` || m.UserID != p.Mutations[0].UserID {
				t.Errorf("%s got %+v", tt.name, m)
			}
		}
	}
	if head := bob.get("/sync/mutations/pull?since_seq=3").header.Get("Engram-Sync-Head"); head != "3" {
		t.Errorf("bob's head is %s", head)
	}
	if err := s.SetDisabled(t.Context(), "bob", true); err != nil {
		t.Fatal(err)
	}
	bob.get("/sync/mutations/pull").want(t, 401, badToken)
	bob.post("/sync/mutations/push", mutations(`{}`)).want(t, 401, badToken)
	if err := s.SetDisabled(t.Context(), "bob", false); err != nil {
		t.Fatal(err)
	}
	if seqs := bob.page("").seqs(); len(seqs) != 2 {
		t.Errorf("bob has %v", seqs)
	}
}

func TestInProcessMutations(t *testing.T) {
	c := inProcess(t, open(t, server.Options{}))
	payload := `{"a":"` + strings.Repeat("x", 2<<20) + `"}`
	c.post("/sync/mutations/push", mutations(payload), "Idempotency-Key: k").want(t, 200, stored(1, 1))
	c.post("/sync/mutations/push", mutations(payload), "Idempotency-Key: k").want(t, 200, stored(1, 1))
	c.post("/sync/mutations/push", strings.Repeat(" ", 10<<20+1)).want(t, 413, "")
	p := c.page("")
	if len(p.Mutations) != 1 || string(p.Mutations[0].Payload) != payload {
		t.Errorf("%d rows", len(p.Mutations))
	}
}

package protocol_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/transport"
)

// pullPage pulls from a server that answers with this page.
func pullPage(t testing.TB, since int64, text string, headers ...string) (transport.PullMutationsResponse, error) {
	t.Helper()
	return wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
		return wiretest.Answer(req, http.StatusOK, text, headers...), nil
	})}).PullMutations(t.Context(), since, 1000)
}

// The rows are those of the server, and payloads its bytes.
func TestAPageOfTheJournal(t *testing.T) {
	text := ` {"latest_seq":9,"mutations":[
		{"seq":2,"user_id":"u","entity":"session","entity_key":"s\u003c","op":"upsert","payload":{ "id":"\u003c", "n":1.50,"id":2 },"occurred_at":"2026-11-22T08:43:37.79Z"},
		{"payload":"{\"a\":1}","op":"delete","entity_key":"","entity":"observation","seq":5,"project":"p","occurred_at":"2026-11-22T03:43:37-05:00","seqs":[{"seq":1}]},
		{"seq":6,"user_id":null,"entity":"prompt","entity_key":"k","op":"upsert","payload":null,"occurred_at":null},
		{"seq":9,"user_id":"u","entity":"prompt","entity_key":"k","op":"upsert"}
	],"project":"","has_more":true}` + "\n"
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	want := transport.PullMutationsResponse{HasMore: true, Mutations: []transport.PullMutationResult{
		{Seq: 2, UserID: "u", Entity: "session", EntityKey: "s<", Op: "upsert", Payload: raw(`{ "id":"\u003c", "n":1.50,"id":2 }`), OccurredAt: "2026-11-22T08:43:37.79Z"},
		{Seq: 5, Project: "p", Entity: "observation", Op: "delete", Payload: raw(`"{\"a\":1}"`), OccurredAt: "2026-11-22T03:43:37-05:00", Extra: `"seqs":[{"seq":1}]`},
		{Seq: 6, Entity: "prompt", EntityKey: "k", Op: "upsert", Payload: raw("null")},
		{Seq: 9, UserID: "u", Entity: "prompt", EntityKey: "k", Op: "upsert", Payload: raw("null")},
	}}
	got, err := pullPage(t, 1, text)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, empty := range []string{`{"mutations":[],"has_more":false}`, `{"has_more":false,"mutations":null}`} {
		if got, err := pullPage(t, 1, empty); err != nil || len(got.Mutations) != 0 || got.HasMore {
			t.Errorf("%s: %v, %v", empty, got, err)
		}
	}
}

// A server says more in its headers; what it says there counts only if it is
// well said.
func TestWhatAPageSaysInHeaders(t *testing.T) {
	type said struct {
		Now     int64
		Ordered bool
		Head    int64
	}
	const date, order = "Date: Sun, 22 Nov 2026 08:43:37 GMT", "Engram-Sync-Journal: commit-ordered"
	for _, tc := range []struct {
		headers []string
		want    said
	}{
		{nil, said{}},
		{[]string{date}, said{Now: 1795337017}},
		{[]string{"Date: yesterday", order, "Engram-Sync-Head: 0"}, said{Ordered: true}},
		{[]string{order, "Engram-Sync-Head: 12"}, said{Ordered: true, Head: 12}},
		{[]string{"Engram-Sync-Head: 12"}, said{}},
		{[]string{"Engram-Sync-Journal: sometimes", "Engram-Sync-Head: 12"}, said{}},
		{[]string{order}, said{}},
		{[]string{order, "Engram-Sync-Head: -1"}, said{}},
		{[]string{order, "Engram-Sync-Head: 9223372036854775808"}, said{}},
		{[]string{order, "Engram-Sync-Head: 9223372036854775807"}, said{Ordered: true, Head: 9223372036854775807}},
	} {
		page, err := pullPage(t, 0, `{"mutations":[],"has_more":false}`, tc.headers...)
		if got := (said{page.Now, page.CommitOrdered, page.Head}); err != nil || got != tc.want {
			t.Errorf("%q: %v, %v, want %v", tc.headers, got, err, tc.want)
		}
	}
}

// What is no page, or a page of a journal that can't be, is never taken for less.
func TestPagesThatAreRefused(t *testing.T) {
	row := func(members string) string { return `{"mutations":[{` + members + `}],"has_more":false}` }
	const good = `"seq":8,"entity":"e","entity_key":"k","op":"o"`
	rows := `{` + good + `},{"seq":9,"entity":"e","entity_key":"k","op":"o"}`
	if _, err := pullPage(t, 7, `{"mutations":[`+rows+`],"has_more":false}`); err != nil {
		t.Fatal(err)
	}
	strange, broken, cut := transport.ErrNotEngram, transport.ErrRefused, transport.ErrUnavailable
	for text, class := range map[string]error{
		``: strange, `null`: strange, `[]`: strange, `{}`: strange, `<html>`: strange, "\xff": strange,
		`{"mutations":[]}`:                                                      strange,
		`{"has_more":false}`:                                                    strange,
		`{"mutations":{},"has_more":false}`:                                     strange,
		`{"mutations":[],"has_more":"false"}`:                                   strange,
		`{"mutations":[],"has_more":null}`:                                      strange,
		`{"mutations":[],"has_more":false}{}`:                                   strange,
		`{"mutations":[` + rows + `]`:                                           cut,
		`{"mutations":[` + rows + `],"has_more":false`:                          cut,
		`{"mutations":[],"has_more":true}`:                                      broken,
		`{"mutations":null,"has_more":true}`:                                    broken,
		`{"mutations":[],"mutations":[],"has_more":false}`:                      broken,
		`{"mutations":[],"Mutations":[],"has_more":false}`:                      broken,
		`{"mutations":[],"has_more":false,"has_more":true}`:                     broken,
		`{"mutations":[],"has_more":false,"ha\u017f_more":1}`:                   broken,
		`{"mutations":[null],"has_more":false}`:                                 broken,
		`{"mutations":[[]],"has_more":false}`:                                   broken,
		row(``):                                                                 broken,
		row(`"entity":"e","entity_key":"k","op":"o"`):                           broken,
		row(`"seq":"8","entity":"e","entity_key":"k","op":"o"`):                 broken,
		row(`"seq":8.0,"entity":"e","entity_key":"k","op":"o"`):                 broken,
		row(`"seq":9223372036854775808,"entity":"e","entity_key":"k","op":"o"`): broken,
		row(`"seq":7,"entity":"e","entity_key":"k","op":"o"`):                   broken,
		`{"mutations":[` + rows + `,{` + good + `}],"has_more":false}`:          broken,
		`{"mutations":[{` + good + `},{` + good + `}],"has_more":false}`:        broken,
		journalText(8, 1001):                                                    broken,
	} {
		page, err := pullPage(t, 7, text)
		name := text[:min(len(text), 100)]
		if err == nil || page.Mutations != nil {
			t.Errorf("%s: got %v, %v", name, page, err)
			continue
		}
		wiretest.OneLine(t, err)
		wiretest.OneClass(t, err, class)
	}
}

// A row that can't be read, or in two ways, keeps its place, and no other row from arriving.
func TestOddRowsStopNoPage(t *testing.T) {
	const good = `"seq":8,"entity":"e","entity_key":"k","op":"o"`
	for _, odd := range []string{
		`"seq":8,"entity_key":"k","op":"o"`,
		`"seq":8,"entity":"e","op":"o"`,
		`"seq":8,"entity":"e","entity_key":"k"`,
		`"seq":8,"entity":"e","entity_key":"k","op":null`,
		`"seq":8,"entity":1,"entity_key":"k","op":"o"`,
		good + `,"payload":"` + "\xff" + `"`,
		good + `,"user_id":1`,
		good + `,"occurred_at":"yesterday"`,
		good + `,"occurred_at":1`,
		good + `,"payload":{},"payload":{}`,
		good + `,"payload":{},"Payload":null`,
		good + `,"s\u0065q":9`,
	} {
		page, err := pullPage(t, 7, `{"mutations":[{`+odd+`},{"seq":9,"entity":"e","entity_key":"k","op":"o"}],"has_more":false}`)
		if err != nil || len(page.Mutations) != 2 || page.Mutations[0].Seq != 8 || page.Mutations[0].Odd == "" || page.Mutations[0].Entity != "" ||
			page.Mutations[1].Odd != "" || page.Mutations[1].Entity != "e" {
			t.Errorf("%s: got %+v, %v", odd, page.Mutations, err)
		}
	}
	for _, payload := range []string{`1`, `[]`, `true`} { // no servers check them
		page, err := pullPage(t, 7, `{"mutations":[{`+good+`,"payload":`+payload+`}],"has_more":false}`)
		if err != nil || len(page.Mutations) != 1 || string(page.Mutations[0].Payload) != payload {
			t.Errorf("payload %s: got %+v, %v", payload, page.Mutations, err)
		}
	}
}

// journalText is a page of n rows from seq on.
func journalText(seq, n int) string {
	var b strings.Builder
	b.WriteString(`{"mutations":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"seq":%d,"user_id":"48114f19-4f0e-4c6c-9f6a-1f0a9d2c7a11","entity":"observation","entity_key":"obs-%016x","op":"upsert",`+
			`"payload":{"id":%d,"title":"some words","content":"%s","project":"p"},"occurred_at":"2026-11-22T08:43:37.798937Z"}`,
			seq+i, i, i, strings.Repeat("some words of content \\u003c ", 20))
	}
	b.WriteString(`],"has_more":false}` + "\n")
	return b.String()
}

func TestWhatAPullAsksFor(t *testing.T) {
	for _, tc := range []struct {
		since int64
		limit int
		want  string
	}{
		{0, 0, "since_seq=0&limit=100"},
		{5, -1, "since_seq=5&limit=100"},
		{9223372036854775807, 1, "since_seq=9223372036854775807&limit=1"},
		{5, 1000, "since_seq=5&limit=1000"},
		{5, 5000, "since_seq=5&limit=1000"},
	} {
		seen := &wiretest.Recorder{Body: `{"mutations":[],"has_more":false}`}
		_, err := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: seen}).PullMutations(t.Context(), tc.since, tc.limit)
		if err != nil || len(seen.Seen) != 1 || seen.Seen[0].URL.RequestURI() != "/sync/mutations/pull?"+tc.want {
			t.Errorf("got %v, %v", seen.Seen, err)
		}
	}
}

// A server without the routes is no empty journal, and says which it is.
func TestWhatAPullIsRepeatedAfter(t *testing.T) {
	for _, tc := range []struct {
		wiretest.Story
		attempts int
		class    error
		words    string
	}{
		{wiretest.Story{Status: 204}, 1, transport.ErrNotEngram, ""},
		{wiretest.Story{Status: 400, Body: "invalid since_seq parameter"}, 1, transport.ErrRefused, "since_seq"},
		{wiretest.Story{Status: 401, Body: "invalid or expired token"}, 1, transport.ErrUnauthorized, ""},
		{wiretest.Story{Status: 404}, 1, transport.ErrRefused, "has no mutation journal"},
		{wiretest.Story{Status: 405}, 1, transport.ErrRefused, "has no mutation journal"},
		{wiretest.Story{Status: 429, Body: "slow down"}, 5, transport.ErrUnavailable, ""},
		{wiretest.Story{Status: 500, Body: "internal error"}, 1, transport.ErrUnavailable, ""},
		{wiretest.Story{Status: 503, Body: "database unavailable"}, 5, transport.ErrUnavailable, ""},
		{wiretest.Story{Name: "cut", Err: io.ErrUnexpectedEOF}, 5, transport.ErrUnavailable, ""},
	} {
		t.Run(tc.Title(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				attempts := 0
				remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Retries: 4, Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
					attempts++
					return tc.Attempt(req)
				})})
				_, err := remote.PullMutations(t.Context(), 0, 10)
				if attempts != tc.attempts || !strings.Contains(fmt.Sprint(err), tc.words) {
					t.Errorf("%d attempts, want %d: %v", attempts, tc.attempts, err)
				}
				wiretest.OneLine(t, err)
				wiretest.OneClass(t, err, tc.class)
			})
		})
	}
}

// A page that is cut on its way is asked for again.
func TestACutPageIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, attempts := journalText(1, 50), 0
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			resp := wiretest.Answer(req, http.StatusOK, text)
			if attempts++; attempts < 3 {
				resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(text[:5000]), errReader{io.ErrUnexpectedEOF}))
			}
			return resp, nil
		})})
		page, err := remote.PullMutations(t.Context(), 0, 100)
		if err != nil || len(page.Mutations) != 50 || attempts != 3 {
			t.Errorf("%d rows, %v after %d attempts", len(page.Mutations), err, attempts)
		}
	})
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// A server that gives no answer may hang because of pulls like this one: it gets
// no other.
func TestAHangingServerIsNotAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			attempts++
			<-req.Context().Done()
			return nil, req.Context().Err()
		})})
		_, err := remote.PullMutations(t.Context(), 0, 10)
		if attempts != 1 || !strings.Contains(fmt.Sprint(err), "no data for 30s") {
			t.Errorf("got %v after %d attempts", err, attempts)
		}
		wiretest.OneClass(t, err, transport.ErrUnavailable)
	})
}

// However many goroutines pull, the server sees one at a time; who waits can leave.
func TestPullsAreNeverParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at, most atomic.Int32
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			most.Store(max(most.Load(), at.Add(1)))
			defer at.Add(-1)
			select { // time in which others could come
			case <-time.After(time.Second):
			case <-req.Context().Done():
			}
			return wiretest.Answer(req, http.StatusOK, `{"mutations":[],"has_more":false}`), nil
		})})
		var pulls sync.WaitGroup
		for range 8 {
			pulls.Go(func() {
				if _, err := remote.PullMutations(t.Context(), 0, 10); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errGoAway)
		if _, err := remote.PullMutations(ctx, 0, 10); !errors.Is(err, errGoAway) {
			t.Errorf("got %v", err)
		}
		pulls.Wait()
		if most.Load() != 1 {
			t.Errorf("%d pulls at once", most.Load())
		}
	})
}

// Rows as large as a server holds them come in as many pages as it takes, none
// of them twice.
func TestLargeRowsComeInShortPages(t *testing.T) {
	if testing.Short() {
		t.Skip("it moves much data, in few goroutines")
	}
	const rows = 8
	payload := `"` + strings.Repeat("x", 10<<20) + `"`
	remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
		since, err := strconv.Atoi(req.URL.Query().Get("since_seq"))
		if err != nil {
			return nil, err
		}
		readers := []io.Reader{strings.NewReader(`{"mutations":[`)}
		for seq := since + 1; seq <= rows; seq++ {
			comma := ","
			if seq == since+1 {
				comma = ""
			}
			head := fmt.Sprintf(`%s{"seq":%d,"entity":"e","entity_key":"k","op":"o","payload":`, comma, seq)
			readers = append(readers, strings.NewReader(head), strings.NewReader(payload), strings.NewReader("}"))
		}
		resp := wiretest.Answer(req, http.StatusOK, "")
		resp.Body = io.NopCloser(io.MultiReader(append(readers, strings.NewReader(`],"has_more":false}`))...))
		return resp, nil
	})})
	var last int64
	pages := 0
	for more := true; more; pages++ {
		page, err := remote.PullMutations(t.Context(), last, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range page.Mutations {
			if last++; row.Seq != last || string(row.Payload) != payload {
				t.Fatalf("seq %d comes after %d", row.Seq, last-1)
			}
		}
		more = page.HasMore
	}
	if last != rows || pages != 2 {
		t.Errorf("%d rows in %d pages", last, pages)
	}
}

// One row that is larger than any server's is refused, and not read for ever.
func TestARowWithoutAnEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("it moves much data, in few goroutines")
	}
	remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
		resp := wiretest.Answer(req, http.StatusOK, "")
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"mutations":[{"payload":"` + strings.Repeat("x", 65<<20))))
		return resp, nil
	})})
	_, err := remote.PullMutations(t.Context(), 0, 10)
	wiretest.OneClass(t, err, transport.ErrRefused)
	wiretest.OneLine(t, err)
}

package project_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// good is a mutation that a project server takes.
func good(id, project string) transport.MutationEntry {
	return transport.MutationEntry{
		Entity: "session", EntityKey: id, Op: "upsert", Project: project,
		Payload: json.RawMessage(`{"id":"` + id + `","directory":"/w"}`),
	}
}

// Mutations go up in the form that a project server wants, and come down with
// their projects.
func TestProjectMutationsTravel(t *testing.T) {
	s, f := wiretest.ProjectServer(t, projectserver.Options{Projects: []string{"repo", "other"}})
	remote := wiretest.DialProject(t, f.URL, transport.Options{})
	texted := good("texted", "")
	texted.Payload = json.RawMessage(` "{\"id\":\"texted\",\"directory\":\"<é>\"}"`)
	result, err := remote.PushMutations(t.Context(), []transport.MutationEntry{
		good("own", ""), good("named", " OTHER "), texted,
	}, "key")
	if err != nil || result != (transport.PushMutationsResult{Accepted: 3, LastSeq: 3}) {
		t.Fatalf("got %v, %v", result, err)
	}
	const want = `{"entries":[` +
		`{"entity":"session","entity_key":"own","op":"upsert","project":"repo","payload":{"id":"own","directory":"/w"}},` +
		`{"entity":"session","entity_key":"named","op":"upsert","project":"other","payload":{"id":"named","directory":"/w"}},` +
		`{"entity":"session","entity_key":"texted","op":"upsert","project":"repo","payload":{"id":"texted","directory":"<é>"}}]}`
	if diff := cmp.Diff(want, string(f.Requests()[0].Body)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	page, err := remote.PullMutations(t.Context(), 0, 1000)
	if err != nil || page.HasMore || page.CommitOrdered || page.Now == 0 {
		t.Fatalf("got %+v, %v", page, err)
	}
	var got []string
	for _, row := range page.Mutations {
		got = append(got, fmt.Sprint(row.Seq, row.Project, row.EntityKey, row.UserID))
	}
	if !slices.Equal(got, []string{"1repoown", "2othernamed", "3repotexted"}) || len(s.Journal()) != 3 {
		t.Errorf("got %q", got)
	}
	// The page behind the end says latest_seq 0, which is nothing to believe.
	if page, err := remote.PullMutations(t.Context(), 3, 0); err != nil || len(page.Mutations) != 0 || page.HasMore || page.Head != 0 {
		t.Errorf("behind the end: %+v, %v", page, err)
	}
}

// A journal of more rows than a page comes page by page.
func TestProjectPages(t *testing.T) {
	_, f := wiretest.ProjectServer(t, projectserver.Options{})
	remote := wiretest.DialProject(t, f.URL, transport.Options{})
	for batch := range 3 {
		var entries []transport.MutationEntry
		for i := range 80 {
			entries = append(entries, good(fmt.Sprint(batch, "-", i), ""))
		}
		if _, err := remote.PushMutations(t.Context(), entries, ""); err != nil {
			t.Fatal(err)
		}
	}
	var since int64
	pages := 0
	for more := true; more; pages++ {
		page, err := remote.PullMutations(t.Context(), since, 1000)
		if err != nil {
			t.Fatal(err)
		}
		since, more = page.Mutations[len(page.Mutations)-1].Seq, page.HasMore
	}
	if since != 240 || pages != 3 {
		t.Errorf("%d pages up to %d", pages, since)
	}
}

// What a project server refuses, in its own words, by what a caller decides on.
func TestProjectServersRefuseBatches(t *testing.T) {
	entry := func(change func(*transport.MutationEntry)) transport.MutationEntry {
		e := good("bad", "")
		change(&e)
		return e
	}
	payload := func(text string) transport.MutationEntry {
		return entry(func(e *transport.MutationEntry) { e.Payload = json.RawMessage(text) })
	}
	hundred := make([]transport.MutationEntry, 101)
	for i := range hundred {
		hundred[i] = good(fmt.Sprint(i), "")
	}
	for name, tc := range map[string]struct {
		entries []transport.MutationEntry
		kind    string
		says    string
		sent    bool
	}{
		"a row without what it needs":   {[]transport.MutationEntry{payload(`{"id":"bad"}`)}, "content", "500", true},
		"a payload of the wrong type":   {[]transport.MutationEntry{payload(`[]`)}, "content", "500", true},
		"no payload":                    {[]transport.MutationEntry{payload(`null`)}, "content", "500", true},
		"a payload with U+0000":         {[]transport.MutationEntry{payload(`{"id":"bad","directory":"\u0000"}`)}, "content", "SQLSTATE 22", true},
		"a text that holds no JSON":     {[]transport.MutationEntry{payload(`"no JSON"`)}, "content", "500", true},
		"an op that nobody knows":       {[]transport.MutationEntry{entry(func(e *transport.MutationEntry) { e.Op = "patch" })}, "content", "unsupported mutation", true},
		"a relation without its parts":  {[]transport.MutationEntry{entry(func(e *transport.MutationEntry) { e.Entity = "relation" })}, "content", "invalid relation payload", true},
		"no JSON":                       {[]transport.MutationEntry{payload(`{`)}, "content", "not valid JSON", false},
		"a project that is not allowed": {[]transport.MutationEntry{good("a", ""), good("b", "nope")}, "", `["repo" "nope"]`, true},
		"a paused project":              {[]transport.MutationEntry{good("a", ""), good("b", "Paused")}, "paused paused", `"paused"`, true},
		"more rows than go at once":     {hundred, "101 rows over 0", "101 mutations are too many", false},
	} {
		t.Run(name, func(t *testing.T) {
			s, f := wiretest.ProjectServer(t, projectserver.Options{Projects: []string{"repo", "paused"}})
			s.Pause("paused", true)
			remote := wiretest.DialProject(t, f.URL, transport.Options{Retries: -1})
			_, err := remote.PushMutations(t.Context(), tc.entries, "")
			if wiretest.KindOf(err) != tc.kind {
				t.Errorf("got a %q error: %v", wiretest.KindOf(err), err)
			}
			wiretest.OneClass(t, err, transport.ErrRefused)
			wiretest.OneLine(t, err)
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want %q", err, tc.says)
			}
			if sent := len(f.Requests()) == 1; sent != tc.sent || len(s.Journal()) != 0 {
				t.Errorf("sent: %t, stored %d rows", sent, len(s.Journal()))
			}
			if _, err := remote.PushMutations(t.Context(), []transport.MutationEntry{good("good", "")}, ""); err != nil {
				t.Errorf("a good one: %v", err)
			}
		})
	}
}

// The limit of the bytes is learnt from the server, by batches and chunks alike.
func TestTheLimitOfAProjectBatch(t *testing.T) {
	const limit = 2000
	_, f := wiretest.ProjectServer(t, projectserver.Options{MaxPushBytes: limit})
	remote := wiretest.DialProject(t, f.URL, transport.Options{})
	large := good("large", "")
	large.Payload = json.RawMessage(`{"id":"large","directory":"` + strings.Repeat("m", limit) + `"}`)
	for _, requests := range []int{1, 0} {
		_, err := remote.PushMutations(t.Context(), []transport.MutationEntry{large}, "")
		var tooLarge *engram.BatchTooLargeError
		if !errors.As(err, &tooLarge) || tooLarge.Limit != limit || tooLarge.Rows != 1 {
			t.Errorf("got %v", err)
		}
		if got := len(f.Requests()); got != requests {
			t.Errorf("%d requests, want %d", got, requests)
		}
	}
}

// An account server says yes to a project server's batch, and stores nothing: that
// is no success, and the server is not what it was taken for.
// Source: project-server.md 5.
func TestABatchForTheOtherKind(t *testing.T) {
	account, access := wiretest.AccountServer(t)
	remote := wiretest.DialAs(t, account.URL, access, transport.Options{Known: transport.Facts{Kind: "project"}})
	_, err := remote.PushMutations(t.Context(), []transport.MutationEntry{good("a", "")}, "")
	wiretest.OneClass(t, err, transport.ErrOutcomeUnknown)
	if remote.Kind() != transport.KindUnknown {
		t.Errorf("it still is a %s server", remote.Kind())
	}
	if page, err := remote.PullMutations(t.Context(), 0, 0); err != nil || len(page.Mutations) != 0 {
		t.Errorf("the journal has %v, %v", page, err)
	}
	if result, err := remote.PushMutations(t.Context(), []transport.MutationEntry{good("a", "")}, ""); err != nil || result.Accepted != 1 {
		t.Errorf("the next time: %v, %v", result, err)
	}
	// The other way round it is certain that nothing was stored. A batch that was made for
	// an account server is not sent in its other form: what is in it depends on the kind.
	for _, kind := range []transport.Kind{"", "account"} {
		s, f := wiretest.ProjectServer(t, projectserver.Options{})
		remote := wiretest.DialAs(t, f.URL, wiretest.Token("secret-token"), transport.Options{Known: transport.Facts{Kind: kind}})
		result, err := remote.PushMutations(t.Context(), []transport.MutationEntry{good("a", "")}, "key")
		if kind != "" {
			wiretest.OneClass(t, err, transport.ErrUnavailable)
			result, err = remote.PushMutations(t.Context(), []transport.MutationEntry{good("a", "")}, "key")
		}
		if err != nil || result.Accepted != 1 || remote.Kind() != transport.KindProject || len(s.Journal()) != 1 {
			t.Errorf("got %v, %v, a server of kind %q", result, err, remote.Kind())
		}
		if got := len(f.Requests()); got != 2 {
			t.Errorf("%d requests", got)
		}
	}
}

// Only an answer that counts every row is believed.
func TestAnswersToAProjectBatch(t *testing.T) {
	for body, believed := range map[string]bool{
		`{"accepted_seqs":[7,8],"project":"repo","project_path":"","project_source":"request_body"}`: true,
		`{"accepted_seqs":[8,7]}`:     true,
		`{"accepted_seqs":[7]}`:       false,
		`{"accepted_seqs":[7,8,9]}`:   false,
		`{"accepted_seqs":[]}`:        false,
		`{"accepted_seqs":[0,-1]}`:    false,
		`{"accepted_seqs":null}`:      false,
		`{"accepted_seqs":"7,8"}`:     false,
		`{"accepted_seqs":[1e99,2]}`:  false,
		`{"accepted":2,"last_seq":8}`: false,
		`{"accepted":0,"last_seq":0}`: false,
		`{}`:                          false,
		`<html>`:                      false,
		`{"accepted_seqs":[` + strings.Repeat("7,", 40_000) + `8]}`: false,
	} {
		_, f := wiretest.ProjectServer(t, projectserver.Options{})
		f.Instead(func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = io.WriteString(w, body)
			return true
		})
		remote := wiretest.DialProject(t, f.URL, transport.Options{})
		result, err := remote.PushMutations(t.Context(), []transport.MutationEntry{good("a", ""), good("b", "")}, "")
		if believed {
			if err != nil || result.Accepted != 2 || result.LastSeq != 8 {
				t.Errorf("%.60s: %v, %v", body, result, err)
			}
			continue
		}
		wiretest.OneClass(t, err, transport.ErrOutcomeUnknown)
		if n := len(f.Requests()); n != 1 {
			t.Errorf("%.60s: %d requests", body, n)
		}
	}
}

// A lost answer is uncertain: the batch is not sent again.
func TestALostAnswerToAProjectBatch(t *testing.T) {
	s, f := wiretest.ProjectServer(t, projectserver.Options{})
	f.Instead(func(_ http.ResponseWriter, r *http.Request) bool {
		f.Handler.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	})
	_, err := wiretest.DialProject(t, f.URL, transport.Options{}).PushMutations(t.Context(), []transport.MutationEntry{good("a", "")}, "")
	var uncertain *engram.UncertainError
	if !errors.As(err, &uncertain) || len(f.Requests()) != 1 || len(s.Journal()) != 1 {
		t.Errorf("got %v", err)
	}
	wiretest.OneClass(t, err, transport.ErrOutcomeUnknown)
}

// An old server has no journal, and says so in a way that can be told.
func TestAProjectServerWithoutAJournal(t *testing.T) {
	_, f := wiretest.ProjectServer(t, projectserver.Options{NoMutations: true})
	remote := wiretest.DialProject(t, f.URL, transport.Options{})
	_, pushErr := remote.PushMutations(t.Context(), []transport.MutationEntry{good("a", "")}, "")
	_, pullErr := remote.PullMutations(t.Context(), 0, 0)
	for _, err := range []error{pushErr, pullErr} {
		wiretest.OneClass(t, err, transport.ErrRefused)
		if err == nil || !strings.Contains(err.Error(), "has no mutation journal") {
			t.Errorf("got %v", err)
		}
	}
}

package protocol_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/transport"
)

// Mutations go up to a real server and come down again, page by page, in the
// order in which they went.
func TestMutationsTravel(t *testing.T) {
	for name, remote := range wiretest.Reach(t) {
		t.Run(name, func(t *testing.T) {
			var sent []transport.MutationEntry
			for i := range 25 {
				e := wiretest.Session(fmt.Sprint(i))
				e.Payload = json.RawMessage(fmt.Sprintf(`{"id":"%d","title":"\u003cb\u003e é","n":1.50}`, i))
				sent = append(sent, e)
			}
			sent[3].Payload, sent[4].Payload = json.RawMessage("null"), json.RawMessage(`"{\"id\":\"4\"}"`)
			first, err := remote.PushMutations(t.Context(), sent, "first")
			if err != nil || first.Accepted != len(sent) {
				t.Fatalf("got %v, %v", first, err)
			}
			again, err := remote.PushMutations(t.Context(), sent, "first")
			if err != nil || again != first {
				t.Errorf("with the same key: got %v, %v, want %v", again, err, first)
			}
			var got []transport.PullMutationResult
			var since int64
			for more := true; more; {
				page, err := remote.PullMutations(t.Context(), since, 10)
				if err != nil {
					t.Fatal(err)
				}
				if !page.CommitOrdered || page.Head != first.LastSeq || page.Now == 0 {
					t.Errorf("the page says %v, %d, %d", page.CommitOrdered, page.Head, page.Now)
				}
				got, more = append(got, page.Mutations...), page.HasMore
				since = got[len(got)-1].Seq
			}
			if len(got) != len(sent) || since != first.LastSeq {
				t.Fatalf("%d rows up to %d", len(got), since)
			}
			for i, row := range got {
				if row.EntityKey != sent[i].EntityKey || string(row.Payload) != string(sent[i].Payload) || row.UserID == "" || row.OccurredAt == "" {
					t.Errorf("row %d: %v", i, row)
				}
			}
		})
	}
}

// What a real server refuses, in its own words.
func TestARealServerRefusesABatch(t *testing.T) {
	for name, remote := range wiretest.Reach(t) {
		t.Run(name, func(t *testing.T) {
			for _, payload := range []string{"5", "[]", `{"project":5}`, `""`, ""} {
				bad := wiretest.Session("bad")
				bad.Payload = json.RawMessage(payload)
				_, err := remote.PushMutations(t.Context(), append(wiretest.Two(), bad), "")
				if wiretest.KindOf(err) != "content" {
					t.Errorf("payload %q: got %v", payload, err)
				}
				wiretest.OneClass(t, err, transport.ErrRefused)
			}
			if _, err := remote.PushMutations(t.Context(), wiretest.Two(), "key"); err != nil {
				t.Error(err)
			}
			_, err := remote.PushMutations(t.Context(), wiretest.Two()[:1], "key")
			if wiretest.KindOf(err) != "" {
				t.Errorf("a key that is taken: got %v", err)
			}
			wiretest.OneClass(t, err, transport.ErrRefused)
			page, err := remote.PullMutations(t.Context(), 0, 0)
			if err != nil || len(page.Mutations) != 2 {
				t.Errorf("%d rows, %v", len(page.Mutations), err)
			}
		})
	}
}

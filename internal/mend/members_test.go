package mend_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/mend"
	"github.com/engram-sync/engram-sync/internal/testkit/fixtures"
	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
)

// A row that gets what it lacks keeps all else, in the bytes that it has.
func TestMendingKeepsWhatItDoesNotKnow(t *testing.T) {
	for name, tc := range map[string]struct{ list, row, want string }{
		"a session": {mend.Sessions,
			`{"id":"m","ownership_mode":"project_owned","x_future":{"b":[1,null],"a":1.50}}`,
			`{"directory":"unknown","id":"m","ownership_mode":"project_owned","x_future":{"b":[1,null],"a":1.50}}`},
		"a memory": {mend.Observations,
			`{"sync_id":"o","type":"note","title":"","content":"C","scope":"project","review_after":null,"x_future":-0.0}`,
			`{"content":"C","review_after":null,"scope":"project","sync_id":"o","title":"C","type":"note","x_future":-0.0}`},
		"a prompt": {mend.Prompts,
			`{"source_inbox_id":"in-1","sync_id":" ","content":"C","x_future":12345678901234567890}`,
			`{"content":"C","source_inbox_id":"in-1","sync_id":"ID","x_future":12345678901234567890}`},
	} {
		at := mend.Place{List: tc.list}
		got, fills := mend.Row(engram.Gen1, at, json.RawMessage(tc.row))
		want := strings.Replace(tc.want, "ID", mend.SyncID(at, []byte(tc.row)), 1)
		if diff := cmp.Diff(want, string(got)); diff != "" || len(fills) != 1 {
			t.Errorf("%s: %v (-want +got):\n%s", name, fills, diff)
		}
	}
	payload, fills := mend.Payload(engram.Gen1, "session", "m", json.RawMessage(`{"ownership_mode":"shared","directory":null,"x_future":[1.0]}`))
	if want := `{"directory":"unknown","id":"m","ownership_mode":"shared","x_future":[1.0]}`; string(payload) != want || len(fills) != 2 {
		t.Errorf("a payload: %s, %v", payload, fills)
	}
}

// Old clients know none of the later members, so what is restored has none either:
// else nobody would know the true chunk again.
func TestARestoredChunkHasWhatAnOldClientLeaves(t *testing.T) {
	id := engram.IDOf([32]byte{1})
	text := "{" + fixtures.LaterRows + "}"
	reduced, err := wiretest.Reduce([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := mend.Restore(id, strings.NewReader(string(reduced)))
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := mend.Restore(id, strings.NewReader(text))
	if diff := cmp.Diff(string(want), string(got)); diff != "" || err != nil {
		t.Errorf("of the true chunk: %v (-want +got):\n%s", err, diff)
	}
}

package rowread_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/rowread"
)

// FuzzReadRows: a row reads as Go's own decoder reads it, whatever is odd about it.
func FuzzReadRows(f *testing.F) {
	for _, seed := range []string{
		`{"id":"s","project":"p","ownership_mode":"shared","directory":"/w","started_at":"2026","ended_at":null,"summary":"a\nb","x":{"id":"t"}}`,
		`{"id":7,"sync_id":"o","session_id":"s","type":"t","title":"T\u00e9","content":"\ud800","tool_name":null,"project":"p","scope":"project","topic_key":"k",` +
			`"revision_count":1,"duplicate_count":0,"last_seen_at":"x","review_after":"y","created_at":"a","updated_at":"b","deleted_at":null}`,
		`{"id":1e2,"Sync_ID":"o"}`, `{"id":null,"content":"a","content":null,"project":"p","project":null}`, `{"id":-1}`, `{"id":12345678901234567890}`, `{"title":5,"content":"c"}`,
		`{"ſession_id":"s","\u0069d":3}`, `[]`, `null`, ` {"id" : 1 } `, "{\"content\":\"\xff\"}", `{"source_inbox_id":"i","id":1,"sync_id":"p","session_id":"s","content":"","project":"","created_at":""}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, row []byte) {
		if !json.Valid(row) {
			return
		}
		session, err := rowread.ReadSession(row)
		sameAsDecoded(t, row, session, err)
		observation, err := rowread.ReadObservation(row)
		sameAsDecoded(t, row, observation, err)
		prompt, err := rowread.ReadPrompt(row)
		sameAsDecoded(t, row, prompt, err)
	})
}

func sameAsDecoded[T any](t *testing.T, row []byte, got T, err error) {
	t.Helper()
	var want T
	wantErr := json.Unmarshal(row, &want)
	if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (wantErr == nil) {
		t.Errorf("%s: %v, want %v (-want +got):\n%s", row, err, wantErr, diff)
	}
}

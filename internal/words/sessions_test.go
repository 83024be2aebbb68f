package words_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/words"
)

// Sessions come as they stand in a chunk, members that nobody knows included.
func TestSessionsOfAChunk(t *testing.T) {
	const chunk = `{"sessions":[{"id":" a ","x":1.50},{"id":"b"},{"id":7},null],"observations":[{"id":"a"}],"mutations":[
		{"entity":"session","op":"upsert","payload":"{\"id\":\"c\",\"ownership_mode\":\"shared\"}"},
		{"entity":"session","op":"delete","payload":"{\"id\":\"d\"}"},
		{"entity":"session","op":"upsert","payload":"{\"id\":\"d\""},
		{"entity":"prompt","op":"upsert","payload":"{\"id\":\"d\"}"},7]}`
	got := map[string]string{}
	err := words.ReadSessions(strings.NewReader(chunk), func(id string) bool { return id != "b" },
		func(id string, row json.RawMessage) { got[id] = string(row) })
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": `{"id":" a ","x":1.50}`, "c": `{"id":"c","ownership_mode":"shared"}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

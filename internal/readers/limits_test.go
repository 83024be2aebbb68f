package readers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/readers"
	"github.com/engram-sync/engram-sync/internal/testkit/importer"
)

// chain is a directory in which each chunk needs the one behind it.
func chain(t *testing.T, n int) readers.Directory {
	t.Helper()
	d := readers.Directory{Version: 1}
	for i := range n {
		relation := fmt.Sprintf(`{"entity":"relation","entity_key":"r%d","op":"upsert","payload":"{\"sync_id\":\"r%d\",\"source_id\":\"o%d\",\"target_id\":\"o%d\"}"}`, i, i, i, min(i+1, n-1))
		c, err := readers.Read(strings.NewReader(fmt.Sprintf(
			`{"sessions":[{"id":"s","directory":"/w"}],"observations":[{"sync_id":"o%d","session_id":"s"}],"mutations":[%s]}`, i, relation)), key)
		if err != nil {
			t.Fatal(err)
		}
		d.Chunks = append(d.Chunks, readers.Listed{ID: engram.IDOf([32]byte{byte(i), byte(i >> 8)}), Chunk: c})
	}
	return d
}

// A small repository must not keep a verification busy for ever.
func TestPassesAreBounded(t *testing.T) {
	if found := readers.Judge(chain(t, 200), engram.Gen1); len(found) > 0 {
		t.Errorf("%d findings of what comes in the end", len(found))
	}
	if found := readers.Judge(chain(t, 600), engram.Gen1); len(found) == 0 {
		t.Error("nothing is said of what was not tried to the end")
	}
}

// What a decoder cannot keep ends an import, as another type does.
func TestNumbersAreWhatTheReadersCanKeep(t *testing.T) {
	tests := []struct{ text, want string }{
		{`{"observations":[{"id":1,"sync_id":"o","session_id":"s"}]}`, ""},
		{`{"observations":[{"id":99999999999999999999,"sync_id":"o","session_id":"s"}]}`, "observations[0].id"},
		{`{"observations":[{"revision_count":-9223372036854775809,"sync_id":"o","session_id":"s"}]}`, "observations[0].revision_count"},
		{`{"mutations":[{"seq":"1","entity":"prompt","entity_key":"q","op":"delete","payload":"{\"sync_id\":\"q\"}"}]}`, "mutations[0].seq"},
		{`{"mutations":[{"seq":1,"occurred_at":5,"entity":"prompt","entity_key":"q","op":"delete","payload":"{\"sync_id\":\"q\"}"}]}`, "mutations[0].occurred_at"},
	}
	for _, tt := range tests {
		c, err := readers.Read(strings.NewReader(tt.text), key)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range readers.Judge(readers.Directory{Version: 1, Chunks: []readers.Listed{{Chunk: c}}}, engram.Gen1) {
			if f.Effects[engram.Gen1] == readers.Refuses {
				got = fmt.Sprintf("%s[%d].%s", f.Row.List, f.Row.Index, f.Row.Field)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.text, diff)
		}
		dir := importer.Directory{Version: 1, Chunks: []importer.Chunk{{ID: "1", Text: []byte(tt.text)}}}
		if out := importer.Import(engram.Gen1, dir, importer.NewDatabase()); (out.Refused != nil) != (tt.want != "") {
			t.Errorf("%s: the model says %v", tt.text, out.Refused)
		}
	}
}

package readers

import (
	"encoding/json"
	"strings"
	"testing"
)

// The members of an object have the names that Go's decoder takes them for, and keep their
// order, also beside one whose name is too long to be any of engram's.
func TestCutReadsNamesAsGoDoes(t *testing.T) {
	long := `"` + strings.Repeat("n", 1<<16) + `":0,`
	for _, name := range []string{"sync_id", "SYNC_ID", "Sync_Id", "\u017fync_id", "\u017fYNC_\u0130d", "sync_\u0131d"} {
		for _, before := range []string{"", long} {
			text := []byte(`{"sync_id":"first",` + before + `"` + name + `":"last"}`)
			var go1 struct {
				SyncID string `json:"sync_id"`
			}
			if err := json.Unmarshal(text, &go1); err != nil {
				t.Fatal(err)
			}
			for range 5 {
				o, err := cut(text)
				if got := o.text("sync_id"); err != nil || got != go1.SyncID {
					t.Errorf("%q, %d bytes: got %q, %v, want %q", name, len(text), got, err, go1.SyncID)
				}
			}
		}
	}
	for _, bad := range []string{"[]", "1", `{"a":1`, `{"a":1}x`} {
		if _, err := cut([]byte(bad)); err == nil {
			t.Errorf("%s is taken for an object", bad)
		}
	}
}

package mend

import (
	"encoding/json"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// FuzzWhole: a row that lacks nothing at a glance lacks nothing at all.
func FuzzWhole(f *testing.F) {
	for _, row := range []string{
		`{"sync_id":"o","type":"t","type":"u","scope":"project","title":"T","content":"C"}`, `{"sync_id":"o","type":"t","scope":"project","title":"T","TITLE":""}`,
		`{"id":"s","directory":"/w","directory":""}`, `{"directory":"x","\u0064irectory":""}`, `{"ſync_id":"a","sync_id":"b"}`, `{"sync_id":"\u0020"}`, `{"directory":5}`, `[]`, `{}`,
	} {
		f.Add([]byte(row))
	}
	f.Fuzz(func(t *testing.T, row []byte) {
		if !json.Valid(row) {
			return
		}
		for _, list := range []string{Sessions, Observations, Prompts} {
			for _, g := range []engram.Generation{engram.Gen1, engram.Gen3} {
				if _, fills := fill(g, list, "an identity", row); isWhole(list, row) && list != Sessions && len(fills) > 0 {
					t.Errorf("%s: %s lacks %v", list, row, fills)
				}
				if _, fills := fill(g, list, "", row); isWhole(list, row) && len(fills) > 0 {
					t.Errorf("%s: %s lacks %v", list, row, fills)
				}
			}
		}
	})
}

package mend_test

import (
	"encoding/json"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/mend"
)

// TestNoDirectoryIsInventedForASessionOfAProject where a server takes it without: it
// would keep what it got for ever. Source: engram-2.md 7, 10.
func TestNoDirectoryIsInventedForASessionOfAProject(t *testing.T) {
	const filled = `{"directory":"unknown","id":"s","ownership_mode":"project_owned"}`
	for _, tc := range []struct{ row, gen2, gen3 string }{
		{`{"id":"s","ownership_mode":"project_owned"}`, filled, `{"id":"s","ownership_mode":"project_owned"}`},
		{`{"id":"s","ownership_mode":"project_owned","directory":" "}`, filled, `{"id":"s","ownership_mode":"project_owned","directory":" "}`},
		{`{"id":"s","ownership_mode":"project_owned","directory":null}`, filled, `{"directory":"","id":"s","ownership_mode":"project_owned"}`},
		{`{"id":"s","ownership_mode":"project_owned","directory":5}`, `{"id":"s","ownership_mode":"project_owned","directory":5}`, `{"id":"s","ownership_mode":"project_owned","directory":5}`},
		{`{"id":"s","ownership_mode":"shared"}`, `{"directory":"unknown","id":"s","ownership_mode":"shared"}`, `{"directory":"unknown","id":"s","ownership_mode":"shared"}`},
	} {
		for g, want := range map[engram.Generation]string{engram.Gen1: tc.gen2, engram.Gen2: tc.gen2, engram.Gen3: tc.gen3} {
			if got, fills := mend.Row(g, place(mend.Sessions, 0), json.RawMessage(tc.row)); string(got) != want || (len(fills) > 0) != (want != tc.row) {
				t.Errorf("%v: %s became %s, %v, want %s", g, tc.row, got, fills, want)
			}
			if got, _ := mend.Payload(g, "session", "s", json.RawMessage(tc.row)); string(got) != want {
				t.Errorf("%v: the payload %s became %s, want %s", g, tc.row, got, want)
			}
		}
	}
	for payload, want := range map[string]string{
		`{"id":"s"}`: `{"directory":"","id":"s"}`, `{"Directory":"/w"}`: `{"Directory":"/w"}`, `[]`: `[]`,
	} {
		if got := string(mend.SayBare(json.RawMessage(payload))); got != want {
			t.Errorf("%s became %s, want %s", payload, got, want)
		}
	}
	for payload, want := range map[string]bool{
		`{"ownership_mode":"project_owned","directory":""}`: true, `{"ownership_mode":"project_owned"}`: true,
		`{"ownership_mode":"project_owned","directory":"/w"}`: false, `{"ownership_mode":"shared"}`: false, `"x"`: false,
	} {
		if mend.Bare("session", json.RawMessage(payload)) != want || mend.Bare("prompt", json.RawMessage(payload)) {
			t.Errorf("%s is bare: %t", payload, !want)
		}
	}
}

package canon_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
)

const (
	goodSession = `{"id":"s","directory":"/"}`
	observation = `{"sync_id":"o","session_id":"s","type":"t","title":"T","content":"C","scope":"project"`
	prompt      = `{"sync_id":"p","session_id":"s","content":"C"`
)

func validate(t *testing.T, data string, known ...string) []canon.RowError {
	t.Helper()
	problems, err := canon.Of(engram.Gen1).Validate([]byte(data), "p", func(id string) bool {
		for _, k := range known {
			if k == id {
				return true
			}
		}
		return false
	})
	if err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return problems
}

func TestEveryRefusedRowIsNamedAtOnce(t *testing.T) {
	data := `{"sessions":[{"id":"s","directory":" "},{"id":"a","directory":"/"},{"id":" "}],
		"observations":[` + observation + `},{"sync_id":"o2","session_id":" a ","type":"t","title":"","content":"\t","scope":5}],
		"prompts":[` + prompt + `,"id":1.5},{"sync_id":"x","session_id":"known","content":"c\u0000"}],
		"mutations":[{"entity":"prompt","op":"upsert","payload":` + `"{\"sync_id\":\"x\",\"session_id\":\"ghost\",\"content\":\"c\"}"},{}],
		"extra":["\u0000"]}`
	want := []canon.RowError{
		{List: "extra", Index: 0, Reason: canon.Nul},
		{List: "mutations", Index: 0, Field: "session_id", Reason: canon.UnknownSession},
		{List: "mutations", Index: 1, Field: "payload", Reason: canon.NoPayload},
		{List: "observations", Index: 0, Field: "session_id", Reason: canon.UnknownSession}, // its session is refused
		{List: "observations", Index: 1, Field: "scope", Reason: canon.WrongType},
		{List: "observations", Index: 1, Field: "title", Reason: canon.Blank},
		{List: "observations", Index: 1, Field: "content", Reason: canon.Blank},
		{List: "observations", Index: 1, Field: "scope", Reason: canon.Blank},
		{List: "prompts", Index: 0, Field: "id", Reason: canon.WrongType},
		{List: "prompts", Index: 0, Field: "session_id", Reason: canon.UnknownSession},
		{List: "prompts", Index: 1, Reason: canon.Nul},
		{List: "sessions", Index: 0, Field: "directory", Reason: canon.Blank},
		{List: "sessions", Index: 2, Field: "id", Reason: canon.Blank},
		{List: "sessions", Index: 2, Field: "directory", Reason: canon.Blank},
	}
	got := validate(t, data, "known")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	rest := without(t, []byte(data), got)
	left := `{"extra":[],"mutations":[],"observations":[],"prompts":[],"sessions":[{"id":"a","directory":"/"}]}`
	if string(rest) != left {
		t.Errorf("left %s, want %s", rest, left)
	}
}

func TestSessionsComeFromThreePlaces(t *testing.T) {
	bySession := `{"mutations":[{"entity":"session","op":"upsert","payload":"{\"id\":\" s \",\"directory\":\"/\"}"}],"prompts":[` + prompt + `}]}`
	for data, refused := range map[string]bool{
		`{"sessions":[` + goodSession + `],"prompts":[` + prompt + `}]}`: false,
		bySession:                       false,
		`{"prompts":[` + prompt + `}]}`: true,
		`{"mutations":[{"entity":"session","op":"delete","payload":"{\"id\":\"s\"}"}],"prompts":[` + prompt + `}]}`: true,
	} {
		if got := validate(t, data); (len(got) > 0) != refused {
			t.Errorf("%s: %v", data, got)
		}
		if got := validate(t, data, "s"); len(got) > 0 {
			t.Errorf("%s, and the server knows s: %v", data, got)
		}
	}
}

// Source: project-server.md A17.
func TestTypedFieldsMayBeNullOrAbsent(t *testing.T) {
	for _, tc := range []struct{ list, row, field string }{
		{"sessions", goodSession[:len(goodSession)-1], "started_at"},
		{"sessions", goodSession[:len(goodSession)-1], "ended_at"},
		{"sessions", goodSession[:len(goodSession)-1], "summary"},
		{"observations", observation, "tool_name"}, {"observations", observation, "topic_key"},
		{"observations", observation, "created_at"}, {"observations", observation, "updated_at"},
		{"observations", observation, "last_seen_at"}, {"observations", observation, "deleted_at"},
		{"prompts", prompt, "created_at"},
	} {
		for value, ok := range map[string]bool{`null`: true, `""`: true, `5`: false, `{}`: false, `true`: false} {
			got := validate(t, `{"`+tc.list+`":[`+tc.row+`,"`+tc.field+`":`+value+`}]}`, "s")
			if (len(got) == 0) != ok || !ok && (got[0].Field != tc.field || got[0].Reason != canon.WrongType) {
				t.Errorf("%s of %s = %s: %v", tc.field, tc.list, value, got)
			}
		}
	}
}

// Integers of rows pass through doubles: what these print must be an int64 (A4).
func TestIntegersOfRows(t *testing.T) {
	for value, ok := range map[string]bool{
		"2.0": true, "1e2": true, "null": true, "-0": true, "9223372036854774784": true,
		"1.5": false, "1e21": false, "9223372036854775807": false, `"1"`: false,
	} {
		for _, field := range []string{"id", "revision_count", "duplicate_count"} {
			got := validate(t, `{"observations":[`+observation+`,"`+field+`":`+value+`}]}`, "s")
			if (len(got) == 0) != ok {
				t.Errorf("%s %s: %v", field, value, got)
			}
		}
	}
}

// Names in any case satisfy or violate what is demanded, but stay as they are (A11).
func TestNamesInAnyCaseCount(t *testing.T) {
	for data, ok := range map[string]bool{
		`{"sessions":[{"ID":"s","Directory":"/"}]}`:                      true,
		`{"sessions":[{"ID":"","id":"s","Directory":"/"}]}`:              true,
		`{"sessions":[{"id":"s","directory":"/","Summary":5}]}`:          false,
		`{"Sessions":[{"id":"s"}]}`:                                      false,
		`{"Sessions":[` + goodSession + `],"prompts":[` + prompt + `}]}`: true,
		`{"Sessions":5}`:     false,
		`{"Sessions":null}`:  true,
		`{"Prompts":[null]}`: false,
		`{"extra":5}`:        true,
	} {
		if got := validate(t, data); (len(got) == 0) != ok {
			t.Errorf("%s: %v", data, got)
		}
	}
}

// What the database can't hold is U+0000, but not inside a payload's text, or
// in a field that is dropped (A15).
func TestNulIsRefusedWhereItIsKept(t *testing.T) {
	session := func(members string) string {
		return `{"mutations":[{"entity":"session","op":"delete","payload":"{\"id\":\"s\",\"summary\":\"\\u0000\",\"x\":\"\\u0000\"}"` + members + `}]}`
	}
	for data, ok := range map[string]bool{
		session(``): true, session(`,"dropped":"\u0000"`): true, session(`,"source":"\u0000"`): false,
		`{"mutations":[{"entity":"session","op":"delete","payload":"{\"id\":\"a\\u0000\"}"}]}`: false,
		`{"x":{"y":["\u0000"]}}`: false, `{"\u0000":1}`: false, `{"\u0000":[]}`: false,
		`{"sessions":[{"id":"s","directory":"/","\u0000":1}]}`: false,
		`{"x":"\\u0000"}`: true,
	} {
		got := validate(t, data)
		if (len(got) == 0) != ok || !ok && got[0].Reason != canon.Nul {
			t.Errorf("%s: %v", data, got)
		}
	}
}

// without is a chunk without the rows that are refused, and the members that are
// refused as a whole.
func without(t *testing.T, data []byte, refused []canon.RowError) []byte {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		t.Fatal(err)
	}
	left := map[string]map[int]bool{}
	for _, r := range refused {
		if left[r.List] == nil {
			left[r.List] = map[int]bool{}
		}
		left[r.List][r.Index] = true
	}
	for list, out := range left {
		if out[-1] {
			delete(members, list)
			continue
		}
		var rows []json.RawMessage
		if err := json.Unmarshal(members[list], &rows); err != nil {
			t.Fatal(err)
		}
		kept := []json.RawMessage{}
		for i, row := range rows {
			if !out[i] {
				kept = append(kept, row)
			}
		}
		members[list], _ = json.Marshal(kept) // they came from JSON
	}
	rest, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return rest
}

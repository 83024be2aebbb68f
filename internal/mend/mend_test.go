package mend_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/mend"
)

func place(list string, index int) mend.Place {
	id, _ := engram.ParseChunkID("0234c6da")
	return mend.Place{Chunk: id, List: list, Index: index}
}

func TestBlanksAreFilledByAFixedRule(t *testing.T) {
	for _, tc := range []struct{ list, row, want string }{
		{mend.Sessions, `{"id":"s","directory":" "}`, `{"directory":"unknown","id":"s"}`},
		{mend.Sessions, `{"id":"s"}`, `{"directory":"unknown","id":"s"}`},
		{mend.Sessions, `{"id":"s","directory":null}`, `{"directory":"unknown","id":"s"}`},
		{mend.Sessions, `{"id":"s","Directory":"/w"}`, `{"id":"s","Directory":"/w"}`},
		{mend.Sessions, `{"id":"s","directory":5}`, `{"id":"s","directory":5}`},
		{mend.Sessions, `{"directory":"/w"}`, `{"directory":"/w"}`},
		{
			mend.Observations, `{"sync_id":"o","content":"\n First line \nsecond"}`,
			`{"content":"\n First line \nsecond","scope":"project","sync_id":"o","title":"First line","type":"manual"}`,
		},
		{
			mend.Observations, `{"sync_id":"o","type":"t","title":"","scope":"personal","content":" "}`,
			`{"sync_id":"o","type":"t","title":"","scope":"personal","content":" "}`,
		},
		{mend.Prompts, `{"content":"C"}`, `{"content":"C","sync_id":"prompt-8b6c2638a137d3d8"}`},
		{mend.Prompts, `[]`, `[]`},
		{mend.Prompts, `null`, `null`},
		{"relations", `{}`, `{}`},
	} {
		got, fills := mend.Row(engram.Gen1, place(tc.list, 0), json.RawMessage(tc.row))
		if string(got) != tc.want || (len(fills) == 0) != (tc.row == tc.want) {
			t.Errorf("%s becomes\n%s with %v, want\n%s", tc.row, got, fills, tc.want)
		}
	}
	row := json.RawMessage(`{"sync_id":"o","type":"t","scope":"project","content":"` + strings.Repeat("ü", 100) + `"}`)
	_, fills := mend.Row(engram.Gen1, place(mend.Observations, 0), row)
	if want := strings.Repeat("ü", 79) + "…"; len(fills) != 1 || fills[0].Value != want {
		t.Errorf("a long line gives %v, want %s", fills, want)
	}
}

// An identity may never change: what was sent under it would be sent again.
func TestIdentitiesDependOnContentAndPlace(t *testing.T) {
	row := []byte(`{"content":"C"}`)
	first := mend.SyncID(place(mend.Observations, 0), row)
	if first != "obs-0e8353f2920cb7ab" {
		t.Errorf("the identity is %s", first)
	}
	other, _ := engram.ParseChunkID("0234c6db")
	for _, id := range []string{
		mend.SyncID(place(mend.Observations, 1), row), mend.SyncID(place(mend.Observations, 0), []byte(`{}`)),
		mend.SyncID(mend.Place{Chunk: other, List: mend.Observations}, row),
	} {
		if id == first {
			t.Errorf("another row has the identity %s too", id)
		}
	}
}

func TestThePayloadOfAMutationHasTheIdentityOfItsKey(t *testing.T) {
	got, fills := mend.Payload(engram.Gen1, "session", " s ", json.RawMessage(`{"directory":""}`))
	if want := `{"directory":"unknown","id":"s"}`; string(got) != want || len(fills) != 2 {
		t.Errorf("it becomes %s with %v, want %s", got, fills, want)
	}
	if got, fills := mend.Payload(engram.Gen1, "relation", "r", json.RawMessage(`{}`)); string(got) != "{}" || fills != nil {
		t.Errorf("a relation becomes %s", got)
	}
	if got, _ := mend.Payload(engram.Gen1, "prompt", "", json.RawMessage(`{"content":"C"}`)); string(got) != `{"content":"C"}` {
		t.Errorf("a prompt without any identity becomes %s", got)
	}
}

func TestAStubHasAllThatIsDemanded(t *testing.T) {
	text, err := json.Marshal(mend.Stub("s", "p", "2026-11-20 10:00:01"))
	if err != nil {
		t.Fatal(err)
	}
	if got, fills := mend.Row(engram.Gen1, place(mend.Sessions, 0), text); len(fills) > 0 || !strings.Contains(string(got), "2026-11-20 10:00:01") {
		t.Errorf("it is %s, and lacks %v", got, fills)
	}
}

// FuzzRow: what is filled is never content, nothing else changes, and nothing is left to fill.
func FuzzRow(f *testing.F) {
	for i, row := range []string{
		`{"id":"s","ownership_mode":"project_owned","directory":null,"x_future":{"b":[1,null],"a":1.50}}`,
		`{"sync_id":"o","content":"\n First <line> \nsecond","title":5,"Title":""}`,
		`{"ſync_id":"","content":"C","title":"T"}`, `{"source_inbox_id":"in-1","SYNC_ID":" ","content":"C","x_future":12345678901234567890}`, `[]`, `null`,
	} {
		f.Add([]byte(row), byte(i%3), byte(i))
	}
	f.Fuzz(func(t *testing.T, row []byte, list, g byte) {
		at := place([]string{mend.Sessions, mend.Observations, mend.Prompts}[list%3], 0)
		generation := engram.Gen1 + engram.Generation(g%3)
		got, fills := mend.Row(generation, at, row)
		var before, after map[string]json.RawMessage
		var told struct{ Content string }
		_ = json.Unmarshal(got, &told)
		if len(fills) == 0 {
			return
		}
		if json.Unmarshal(row, &before) != nil || json.Unmarshal(got, &after) != nil {
			t.Fatalf("%s became %s", row, got)
		}
		for _, fill := range fills {
			if title := strings.TrimSuffix(fill.Value, "…"); fill.Field == "content" || fill.Field == "title" && !strings.Contains(told.Content, title) {
				t.Errorf("%s got a %s %q", row, fill.Field, fill.Value)
			}
			maps.DeleteFunc(before, func(name string, _ json.RawMessage) bool {
				return name == fill.Field || name > fill.Field && strings.EqualFold(name, fill.Field) // as with a long s
			})
			delete(after, fill.Field)
		}
		had, _ := json.Marshal(before)
		if has, _ := json.Marshal(after); string(has) != string(had) {
			t.Errorf("%s became %s", row, got)
		}
		if again, more := mend.Row(generation, at, got); len(more) > 0 || string(again) != string(got) {
			t.Errorf("%s became %s, and then %s", row, got, again)
		}
	})
}

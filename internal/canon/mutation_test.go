package canon_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// chunkWith is a chunk with one mutation of this payload text.
func chunkWith(t *testing.T, entity, op, payload string) string {
	t.Helper()
	text, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	return `{"mutations":[{"entity":"` + entity + `","op":"` + op + `","payload":` + string(text) + `}]}`
}

// payloadOf is the payload text of the first mutation of a canonical chunk.
func payloadOf(t *testing.T, chunk string) string {
	t.Helper()
	var doc struct {
		Mutations []struct {
			Payload string `json:"payload"`
		} `json:"mutations"`
	}
	if err := json.Unmarshal([]byte(chunk), &doc); err != nil || len(doc.Mutations) == 0 {
		t.Fatalf("%s: %v", chunk, err)
	}
	return doc.Mutations[0].Payload
}

func TestPayloadsAreReadAsTheServerReadsThem(t *testing.T) {
	for _, tc := range []struct{ name, entity, op, payload, want string }{
		{"encoded twice (A12)", "session", "delete", `"{\"id\":\"s\"}"`, `{"id":"s","project":"p"}`},
		{"null leaves a text, clears an optional one (A13)", "prompt", "delete",
			`{"sync_id":"a","sync_id":null,"content":"c","content":null,"deleted_at":"d","deleted_at":null,"deleted":true,"deleted":null}`,
			`{"sync_id":"a","session_id":"","content":"c","project":"p","deleted":true}`},
		{"names in any case, the last one wins (A11)", "session", "delete", `{"id":"a","ID":"b","PROJECT":"x"}`, `{"id":"b","project":"p"}`},
		{"U+017F is an s (A11)", "prompt", "delete", `{"ſync_id":"a"}`, `{"sync_id":"a","session_id":"","content":"","project":"p"}`},
		{"exact integers (A4)", "observation", "delete", `{"sync_id":"o","revision_count":9007199254740993}`,
			`{"sync_id":"o","session_id":"","type":"","title":"","content":"","project":"p","scope":"","revision_count":9007199254740993}`},
		{"unknown fields hold anything (A14)", "session", "delete", `{"id":"s","x":[1e999,"\ud800"]}`, `{"id":"s","project":"p"}`},
		{"other fields of a relation keep their spaces (A3)", "relation", "upsert",
			`{"sync_id":"r","source_id":"a","target_id":"b","relation":"x","judgment_status":"j","marked_by_actor":" m ","marked_by_kind":"k","session_id":" s ","reason":" <"}`,
			`{"sync_id":"r","source_id":"a","target_id":"b","relation":"x","reason":" \u003c","judgment_status":"j","marked_by_actor":"m","marked_by_kind":"k","session_id":" s ","project":"p"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := payloadOf(t, canonical(t, chunkWith(t, tc.entity, tc.op, tc.payload), "p"))
			if got != tc.want {
				t.Errorf("\n got %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestMutationsThatTheServerRefuses(t *testing.T) {
	const ok = `{\"id\":\"s\",\"directory\":\"/\"}`
	for row, want := range map[string]canon.RowError{
		`{"entity":"widget","op":"upsert","payload":"{}"}`:                                                           {Reason: canon.Unsupported},
		`{"entity":"relation","op":"delete","payload":"{\"sync_id\":\"r\"}"}`:                                        {Reason: canon.Unsupported},
		`{"entity":"Session","op":"upsert","payload":"` + ok + `"}`:                                                  {Reason: canon.Unsupported},
		`{"entity":"session","op":"patch","payload":"` + ok + `"}`:                                                   {Reason: canon.Unsupported},
		`{"entity":"session","op":"upsert","payload":{"id":"s"}}`:                                                    {Field: "payload", Reason: canon.WrongType},
		`{"entity":"session","op":"upsert","payload":"  "}`:                                                          {Field: "payload", Reason: canon.NoPayload},
		`{"entity":"session","op":"upsert"}`:                                                                         {Field: "payload", Reason: canon.NoPayload},
		`{"entity":"session","op":"upsert","payload":"[]"}`:                                                          {Reason: canon.BadPayload},
		`{"entity":"session","op":"upsert","payload":"{"}`:                                                           {Reason: canon.BadPayload},
		`{"entity":"session","op":"upsert","payload":"\"\\\"{}\\\"\""}`:                                              {Reason: canon.BadPayload},
		`{"entity":"session","op":"upsert","payload":"null"}`:                                                        {Field: "id", Reason: canon.Blank},
		`{"entity":"session","op":"upsert","payload":"{\"id\":\" s\"}"}`:                                             {Field: "directory", Reason: canon.Blank},
		`{"entity":"session","op":"upsert","payload":"{\"id\":\"s\",\"summary\":1}"}`:                                {Field: "summary", Reason: canon.WrongType},
		`{"entity":"session","op":"delete","payload":"{\"id\":\"s\",\"summary\":1}"}`:                                {Field: "summary", Reason: canon.WrongType},
		`{"entity":"session","op":"upsert","payload":"` + ok + `","entity_key":"z"}`:                                 {Field: "entity_key", Reason: canon.KeyDiffers},
		`{"entity":"session","op":"upsert","payload":"` + ok + `","seq":1.5}`:                                        {Field: "seq", Reason: canon.WrongType},
		`{"entity":"session","op":"upsert","payload":"` + ok + `","seq":1e19}`:                                       {Field: "seq", Reason: canon.WrongType},
		`{"entity":"session","op":"upsert","payload":"` + ok + `","source":7}`:                                       {Field: "source", Reason: canon.WrongType},
		`{"entity":"observation","op":"delete","payload":"{\"sync_id\":\"o\",\"revision_count\":1.0}"}`:              {Field: "revision_count", Reason: canon.WrongType},
		`{"entity":"prompt","op":"upsert","payload":"{\"sync_id\":\"p\",\"session_id\":\"s\",\"content\":\"\\t\"}"}`: {Field: "content", Reason: canon.Blank},
	} {
		want.List = "mutations"
		_, err := canon.Of(engram.Gen1).Canonical([]byte(`{"mutations":[`+row+`]}`), "p")
		var got *canon.RowError
		if !errors.As(err, &got) || *got != want {
			t.Errorf("%s: got %v, want %v", row, err, &want)
		}
	}
}

// Of names that differ in case, the last in the order of bytes wins (A11), and
// seq is what its double's shortest digits say (A5).
func TestRowsOfMutationsAreReadInTheOrderOfTheirNames(t *testing.T) {
	got := canonical(t, `{"mutations":[{"op":"delete","Op":"upsert","entity":"session","payload":"{\"id\":\"s\"}",
		"seq":9007199254740993,"target_Key":"k","ACKED_AT":"","project":5,"extra":1}]}`, "p")
	want := `{"mutations":[{"acked_at":"","entity":"session","entity_key":"s","occurred_at":"","op":"delete",` +
		`"payload":"{\"id\":\"s\",\"project\":\"p\"}","project":"p","seq":9007199254740992,"source":"","target_key":"k"}]}`
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

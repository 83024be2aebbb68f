package engram_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/rowsum"
)

func changed(payload string) engram.MutationEntry {
	return engram.MutationEntry{Entity: "observation", EntityKey: "obs-1", Op: "upsert", Payload: json.RawMessage(payload)}
}

func TestParsedLineKeepsThePayloadsBytes(t *testing.T) {
	line := `{ "seq":7,"user_id":"u","occurred_at":"t","op":"upsert", "entity":"session","entity_key":"s-\u0031","project":"demo",
		"payload": {"b": 1.50,"a":"<\u003c>"}  }`
	got, err := engram.ParseMutation([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	want := engram.MutationEntry{Entity: "session", EntityKey: "s-1", Op: "upsert", Project: "demo", Payload: []byte(`{"b": 1.50,"a":"<\u003c>"}`)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := got.Check(); err != nil {
		t.Error(err)
	}
}

func TestLinesThatAreNoMutation(t *testing.T) {
	tests := map[string]string{
		``: "too early", `{`: "too early", `[]`: "not an object", `null`: "not an object", `{} {}`: "not valid JSON",
		`{"entity":"a","entity_key":"k","op":"o"}`:                                      "payload is missing",
		`{"entity_key":"k","op":"o","payload":{}}`:                                      "entity is missing",
		`{"entity":1,"entity_key":"k","op":"o","payload":{}}`:                           "entity: not a string",
		`{"entity":null,"entity_key":"k","op":"o","payload":{}}`:                        "entity: not a string",
		`{"entity":"a","entity_key":"k","op":"o","payload":{},"project":5}`:             "project: not a string",
		`{"entity":"a","entity":"a","entity_key":"k","op":"o","payload":{}}`:            "twice",
		`{"entity":"a","Entity":"a","entity_key":"k","op":"o","payload":{}}`:            "another spelling",
		`{"entity":"a","\u0065ntity":"a","entity_key":"k","op":"o","payload":{}}`:       "twice",
		"{\"entity\":\"a\xff\",\"entity_key\":\"k\",\"op\":\"o\",\"payload\":{}}":       "UTF-8",
		`{"entity":"a","entity_key":"k","op":"o","payload":{}` + strings.Repeat("]", 3): "not valid JSON",
	}
	for line, want := range tests {
		if _, err := engram.ParseMutation([]byte(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", line, err, want)
		}
	}
}

func TestCheckOfMutations(t *testing.T) {
	good := []string{
		`{}`, `"{\"project\":\"demo\"}"`, `{"project":null}`, `{"a":"\ud83d\ude00 \\u0000 \\\\ud800 \n"}`, `"{\"a\":\"\\u0000\"}"`,
	}
	for _, payload := range good {
		if err := changed(payload).Check(); err != nil {
			t.Errorf("%s: %v", payload, err)
		}
	}
	bad := map[string]string{
		``: "not valid JSON", `null`: "neither an object", `[]`: "neither an object", `5`: "neither an object", `""`: "neither an object",
		`"text"`: "neither an object", `"[]"`: "neither an object", `"null"`: "neither an object", `true`: "neither an object",
		`{"a":"\u0000"}`: "NUL", `{"a\u0000":1}`: "NUL", `{"a":"\ud800"}`: "surrogate", `{"a":"\udc00\ud800"}`: "surrogate",
		`{"a":"\ud800\u0041"}`: "surrogate", "{\"a\":\"\xff\"}": "UTF-8", `{"project":5}`: "project", `{"PROJECT":[]}`: "project",
		`{"a":1}x`: "not valid JSON", "{\"a\":\"\x00\"}": "not valid JSON", `{"a":"x\ud800`: "not valid JSON",
	}
	for payload, want := range bad {
		if err := changed(payload).Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", payload, err, want)
		}
	}
	for want, edit := range map[string]func(*engram.MutationEntry){
		"entity":      func(e *engram.MutationEntry) { e.Entity = "widget" },
		"op":          func(e *engram.MutationEntry) { e.Op = "Upsert" },
		"empty":       func(e *engram.MutationEntry) { e.EntityKey = "" },
		"NUL":         func(e *engram.MutationEntry) { e.EntityKey = "a\x00" },
		"valid UTF-8": func(e *engram.MutationEntry) { e.Project = "a\xff" },
	} {
		e := changed(`{}`)
		edit(&e)
		if err := e.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestScopeOfMutations(t *testing.T) {
	e := changed(`{"project":" demo ","session_id":"s-1"}`)
	e.Project = "other"
	if got, want := e.Scope(), (engram.MutationScope{Project: "demo", Session: "s-1"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	e.Payload = []byte(`"{\"session_id\":\"s-2\"}"`)
	if got, want := e.Scope(), (engram.MutationScope{Project: "other", Session: "s-2"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	e.Entity, e.EntityKey = "session", "s-3"
	if got, want := e.Scope(), (engram.MutationScope{Project: "other", Session: "s-3"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// FuzzParseMutation: whatever parses and passes Check survives encoding, and
// can be told what it is.
func FuzzParseMutation(f *testing.F) {
	f.Add([]byte(`{"entity":"session","entity_key":"s","op":"upsert","payload":{"id":"s"}}`))
	f.Add([]byte(`{"entity":"prompt","entity_key":"p","op":"delete","payload":"{\"a\":\"\\ud800\"}"}`))
	f.Fuzz(func(_ *testing.T, line []byte) {
		e, err := engram.ParseMutation(line)
		if err == nil && e.Check() == nil {
			e.Scope()
			rowsum.Of(e)
		}
	})
}

package pushbody

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/server/store"
)

// The types that the reference server decodes into.
type oracleBatch struct {
	Mutations []oracleMutation `json:"mutations"`
}

type oracleMutation struct {
	Entity    string          `json:"entity"`
	EntityKey string          `json:"entity_key"`
	Op        string          `json:"op"`
	Payload   json.RawMessage `json:"payload"`
}

// oracleMutations is what the parser should find, by Go's decoder.
func oracleMutations(body []byte) (found []store.Mutation, err error) {
	var req oracleBatch
	var raw struct {
		Mutations []json.RawMessage `json:"mutations"`
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, err
	}
	if err := onlyOnce(body, []string{"mutations"}); err != nil {
		return nil, err
	}
	for i, m := range req.Mutations {
		if err := onlyOnce(raw.Mutations[i], mutationFields); err != nil {
			return nil, err
		}
		var fields struct{ Entity, Entity_Key, Op, Payload json.RawMessage }
		if err := json.Unmarshal(raw.Mutations[i], &fields); err != nil {
			return nil, err
		}
		for _, text := range [][]byte{fields.Entity, fields.Entity_Key, fields.Op, fields.Payload} {
			if !isSound(text) {
				return nil, errors.New("bad text")
			}
		}
		if !oraclePayload(m.Payload) {
			return nil, errors.New("bad payload")
		}
		found = append(found, store.Mutation{Entity: m.Entity, EntityKey: m.EntityKey, Op: m.Op, Payload: m.Payload})
	}
	return found, nil
}

var escapes = regexp.MustCompile(`\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.`)

// isSound looks for NUL, halves of pairs, and bytes that are no UTF-8.
func isSound(raw []byte) bool {
	for _, escape := range escapes.FindAll(raw, -1) {
		if len(escape) != len(`\u0000`) {
			continue
		}
		unit, err := strconv.ParseInt(string(escape[2:]), 16, 32)
		if err != nil || unit == 0 || unit >= 0xd800 && unit <= 0xdfff {
			return false
		}
	}
	return utf8.Valid(raw)
}

func oraclePayload(raw json.RawMessage) bool {
	var text string
	if len(raw) > 0 && raw[0] == '"' {
		if err := json.Unmarshal(raw, &text); err != nil {
			return false
		}
		raw = json.RawMessage(text)
	}
	var object map[string]json.RawMessage
	var project struct {
		Project string `json:"project"`
	}
	return json.Unmarshal(raw, &object) == nil && json.Unmarshal(raw, &project) == nil
}

func FuzzMutations(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `[]`, `{}`, `{"mutations":null}`, `{"mutations":[]} x`, `{"mutations":[null,{}]}`,
		`{"mutations":[{"entity":"e","entity_key":"k","op":"o","payload":{"a":[1e3,-0, "<"],"project":"p"},"seq":1}]}`,
		` { "Mutation\u017f" : [ {"ENTITY":"\ud83d\ude00","payload":" {\"project\":null}\n"} , {"payload":null} ] , "x":[[[{"op":1}]]] }`,
		`{"mutations":[{"payload":{"a":"\u0000"}}]}`, `{"mutations":[{"payload":{"a":"\\u0000\ud83d"}}]}`, `{"mutations":[{"payload":{"\ude00\ud83d":1}}]}`,
		`{"mutations":[{"op":"\ud83d\u0041","payload":{}}]}`, `{"mutations":[{"payload":{"Project":5}}]}`, `{"mutations":[{"payload":"null"},{"payload":"[]"}]}`,
		"{\"mutations\":[{\"entity\":\"\xff\",\"payload\":{}}]}", `{"mutations":[{"op":"a","Op":"b","payload":{}}]}`, `{"mutations":[],"mutations":[]}`,
		`{"mutations":[{"payload":{}},{"payload":7}]}`, `{"mutations":[{"entity":null,"entity_key":"k","payload":"{\"a\":\"\\u0000\"}"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		want, wantErr := oracleMutations(bytes.Clone(body))
		got, err := ParseBatch(body)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("got error %v, want %v", err, wantErr)
		}
		var told *Error
		if err != nil && !errors.As(err, &told) {
			t.Errorf("%v is no *Error", err)
		}
		if diff := cmp.Diff(want, got.Mutations, cmp.Transformer("text", func(raw []byte) string { return string(raw) })); diff != "" {
			t.Error(diff)
		}
	})
}

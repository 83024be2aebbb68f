package rowsum_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/rowsum"
)

func change(payload string) engram.MutationEntry {
	return engram.MutationEntry{Entity: "observation", EntityKey: "obs-1", Op: "upsert", Payload: json.RawMessage(payload)}
}

// Each line of the table is one payload in two spellings: the one that is sent,
// and the one that a server which keeps values gives back.
func TestSumOfEqualPayloads(t *testing.T) {
	tests := []struct{ name, sent, back string }{
		{"order and white space", `{"b":1, "a":[1 ,2]}`, `{"a":[1,2],"b":1}`},
		{"the last of two counts", `{"a":1,"a":{"x":1},"a":{"y":2}}`, `{"a":{"y":2}}`},
		{"escapes", `{"a":"<\u00e9\/"}`, `{"a":"\u003cé/"}`},
		{"exponent", `{"n":1e3}`, `{"n":1000}`},
		{"exponent with sign", `{"n":1.5E+2}`, `{"n":150}`},
		{"small", `{"n":25e-4}`, `{"n":0.0025}`},
		{"zeros at the end", `{"n":1.50}`, `{"n":1.5}`},
		{"minus zero", `{"n":-0.00e7}`, `{"n":0}`},
		{"huge exponent", `{"n":10e99999999999}`, `{"n":1e100000000000}`},
		{"large integer", `{"n":123456789012345678901234567890}`, `{"n":123456789012345678901234567890.0}`},
		{"string that holds an object", `"{\"b\":1,\"a\":2}"`, `{"a":2,"b":1}`},
		{"absent", ``, `null`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if rowsum.Of(change(tt.sent)) != rowsum.Of(change(tt.back)) {
				t.Errorf("%s and %s have different sums", tt.sent, tt.back)
			}
		})
	}
}

func TestSumOfDifferentMutations(t *testing.T) {
	payloads := []string{
		`{}`, `[]`, `null`, `""`, `0`, `false`, `true`, `"{"`, `"[]"`, `{"a":null}`, `{"a":"1"}`, `{"a":1}`, `{"a":-1}`,
		`{"a":10}`, `{"a":1e400}`, `{"a":1e-400}`, `{"a":[]}`, `{"a":{}}`, `{"a":1,"b":1}`, `{"A":1}`, `{"a":9007199254740993}`,
		`{"a":9007199254740992}`, `{"a":["x","y"]}`, `{"a":["y","x"]}`, `{"a":"{}"}`, `no JSON`, `{"a":1}{"a":1}`,
	}
	seen := map[[32]byte]string{}
	for _, payload := range payloads {
		sum := rowsum.Of(change(payload))
		if other, ok := seen[sum]; ok {
			t.Errorf("%s and %s have one sum", payload, other)
		}
		seen[sum] = payload
	}
	base := change(`{}`)
	for name, edit := range map[string]func(*engram.MutationEntry){
		"entity": func(e *engram.MutationEntry) { e.Entity = "session" },
		"key":    func(e *engram.MutationEntry) { e.EntityKey = "obs-2" },
		"op":     func(e *engram.MutationEntry) { e.Op = "delete" },
		"shift":  func(e *engram.MutationEntry) { e.Entity, e.EntityKey = "observationo", "bs-1" },
	} {
		other := base
		edit(&other)
		if rowsum.Of(base) == rowsum.Of(other) {
			t.Errorf("another %s has the same sum", name)
		}
	}
	other := base
	other.Project = "demo"
	if rowsum.Of(base) != rowsum.Of(other) {
		t.Error("the project counts")
	}
}

// A number with a million digits in its exponent must not cost more than to read it.
func TestSumOfMonsters(t *testing.T) {
	rowsum.Of(change(`{"n":1e` + strings.Repeat("9", 1<<20) + `}`))
	rowsum.Of(change(strings.Repeat(`[`, 9000) + strings.Repeat(`]`, 9000)))
}

// FuzzSum: what Go or indentation makes of a payload has the same sum.
func FuzzSum(f *testing.F) {
	for _, seed := range []string{`{"b":[1,2.50,-0],"a":"\u003c\ud800"}`, `"{\"a\":1}"`, `1e5`, `null`, `{"a":1,"a":2}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		d := json.NewDecoder(strings.NewReader(payload))
		d.UseNumber()
		var value any
		if !json.Valid([]byte(payload)) || d.Decode(&value) != nil {
			return
		}
		want := rowsum.Of(change(payload))
		again, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		var indented bytes.Buffer
		if err := json.Indent(&indented, []byte(payload), " ", "\t"); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{string(again), indented.String()} {
			if rowsum.Of(change(text)) != want {
				t.Errorf("%q and %q have different sums", payload, text)
			}
		}
	})
}

package jsonscan_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// FuzzFields: the members of an object are those that Go's decoder finds, and what is no
// JSON does no harm.
func FuzzFields(f *testing.F) {
	for _, seed := range []string{
		` { "a" : [1 , {"b":"}\"]"}] ,"a\"":"\\","":-1.5e3, "c":{ } , "d":null}`, `{}`, `[]`, ``, `{"a`, `{"a":`, `{"a":1`, `{"a":"\`, `{,}`, `{"a":{}}`, `{"a":tru`, `{x}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var got []string
		ok := jsonscan.Fields(text, func(name, value []byte) bool {
			got = append(got, fmt.Sprintf("%s=%s", name, value))
			return true
		})
		if !json.Valid(text) {
			return
		}
		trimmed := bytes.TrimSpace(text)
		if isObject := trimmed[0] == '{'; ok != isObject {
			t.Fatalf("%s: %t", text, ok)
		} else if !isObject {
			return
		}
		members, err := jsonscan.Split(trimmed, jsonscan.Object, 0)
		if err != nil {
			return // a name that it does not take
		}
		var want []string
		for _, m := range members {
			quoted := trimmed[m.From:m.At]
			name := quoted[1:bytes.LastIndexByte(quoted, '"')]
			want = append(want, fmt.Sprintf("%s=%s", name, m.Value))
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s:\n got %q\nwant %q", text, got, want)
		}
	})
}

func TestFieldsEndWhereTheyAreToEnd(t *testing.T) {
	n := 0
	if jsonscan.Fields([]byte(`{"a":1,"b":2}`), func([]byte, []byte) bool { n++; return false }) || n != 1 {
		t.Errorf("%d members were given", n)
	}
}

func TestWhatAValueSays(t *testing.T) {
	for text, want := range map[string]string{
		`5`: "5 true false", `0`: "0 true false", `-5`: "0 false false", `1.0`: "0 false false", `1234567890123456`: "0 false false",
		`"x"`: "0 false true", `" x"`: "0 false false", `""`: "0 false false", `"\u0078"`: "0 false false", `null`: "0 false false",
	} {
		n, ok := jsonscan.IsInteger([]byte(text))
		if got := fmt.Sprint(n, ok, jsonscan.SaysSomething([]byte(text))); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

package jsonscan_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/jsonscan"
)

// FuzzText: what stands between quotes is read as Go's own decoder reads it.
func FuzzText(f *testing.F) {
	for _, seed := range []string{
		``, `plain`, `\n\t\"\\\/\b\f\r`, `\u00e9\ud83d\ude00`, `\ud83d\ud83d\ude00`, `\ude00`, `\ud83dx`, `\ud83d\n`, `\ud83d\u`, `\u12`, `\u12G4`, `\u+123`, `\x`, `\'`, `a\`,
		"\xff\xfe caf\xc3\xa9 \xc3", "\x7f\u2028\ufffd",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, inner string) {
		quoted := []byte(`"` + inner + `"`)
		var want string
		err := json.Unmarshal(quoted, &want)
		got, ok := jsonscan.AppendText(nil, []byte(inner))
		switch {
		case err == nil && (!ok || string(got) != want):
			t.Errorf("%q reads as %q (%t), want %q", inner, got, ok, want)
		case err == nil && jsonscan.IsPlain([]byte(inner)) && inner != want:
			t.Errorf("%q is not plain", inner)
		}
		text, unquoteErr := jsonscan.Unquote([]byte(inner))
		if good := err == nil && utf8.ValidString(inner); good && (unquoteErr != nil || text != want) || !good && err == nil && unquoteErr == nil {
			t.Errorf("%q unquotes to %q, %v; want %q", inner, text, unquoteErr, want)
		}
	})
}

// An escape that is none, or that was cut off, is no text.
func TestTextWithABrokenEscape(t *testing.T) {
	for _, inner := range []string{`\`, `a\x`, `\u`, `\u12`, `\u12G4`, `\'`} {
		if text, err := jsonscan.Unquote([]byte(inner)); err == nil {
			t.Errorf("%q reads as %q", inner, text)
		}
	}
}

// Valid texts are those of Go's own decoder.
func TestValid(t *testing.T) {
	for _, text := range []string{
		``, ` `, `{}`, ` [1,{"a":"\u00e9"}] `, `5`, `-0.5e+3 `, `05`, `1.`, `"a`, `"a\x"`, `{"a":1,}`, `{} {}`, `nul`, `null`, "\"\t\"", "\ufeff{}", `[1`,
	} {
		if got, want := jsonscan.Valid([]byte(text)), json.Valid([]byte(text)); got != want {
			t.Errorf("%q: %t, want %t", text, got, want)
		}
	}
}

func TestMembersByKind(t *testing.T) {
	for text, want := range map[string]string{
		` {"a" : 1,"\u0062":{"c":[]},"":null}`:     `a 0, b {,  n, true`,
		`{"` + strings.Repeat("k", 300) + `":"x"}`: ` ", true`,
		`{"a":tru`: `a t, false`, `[{"a":1}]`: ` {, true`, `5`: `true`,
	} {
		got := ""
		whole := jsonscan.EachMember([]byte(text), func(name string, kind jsonscan.Kind) { got += fmt.Sprintf("%s %c, ", name, kind) })
		if got += fmt.Sprint(whole); got != want {
			t.Errorf("%.40s: %s, want %s", text, got, want)
		}
	}
}

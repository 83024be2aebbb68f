package safetext_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/safetext"
)

// FuzzEscape: what comes out has nothing that a terminal obeys, and JSON means the same.
func FuzzEscape(f *testing.F) {
	f.Add("a\x1b[31m\u009b\x9b\u202e\r\n\t\u2028\x00\x7f\u200b\U000e0001\xff")
	f.Add("plain, äöü, 漢字, \U0001f600")
	f.Fuzz(func(t *testing.T, text string) {
		safe := safetext.Escape(text)
		if !utf8.ValidString(safe) || strings.ContainsFunc(safe, func(r rune) bool {
			return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp))
		}) {
			t.Errorf("%q became %q", text, safe)
		}
		if safetext.Escape(safe) != safe {
			t.Errorf("%q is escaped once more", safe)
		}
		doc, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var want, got string
		if json.Unmarshal(doc, &want) != nil || json.Unmarshal([]byte(safetext.Escape(string(doc))), &got) != nil || got != want {
			t.Errorf("%s means %q", safetext.Escape(string(doc)), got)
		}
		if line := safetext.Line(text, 50); strings.ContainsAny(line, "\n\t") || safetext.Escape(line) != line || len([]rune(line)) > 51 {
			t.Errorf("%q is no line", line)
		}
	})
}

package secret

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// FuzzWriter: however writes cut a text, what comes out is what Redact makes of it; no
// beginning of the secret is in that, in any form, and JSON stays JSON.
func FuzzWriter(f *testing.F) {
	f.Add("tok_0123456789", "bad tok_0123456789 here", uint16(6))
	f.Add(`p"a\s s<w>ör`, `say "p\"a\\s s\u003cw\u003eör"`, uint16(9))
	f.Add("abababababXY", "ababababababababXY", uint16(11))
	f.Add("short", "short, shorter", uint16(3))
	f.Add("0\xff\x00\u202e1234567", "0\xff\x00\u202e1234567", uint16(1))
	f.Add("00000000", "\x0000000000", uint16(0))
	f.Add("nabcdefgh", "\nabcdefgh\\\nabcdefgh", uint16(2))
	f.Fuzz(func(t *testing.T, secret, text string, cut uint16) {
		if secret = strings.TrimSpace(secret); len(secret) > 200 || len(text) > 1000 {
			return
		}
		s := setOf(secret)
		want := s.redact(text)
		var b bytes.Buffer
		w := &Writer{next: &b, set: s}
		at := min(int(cut), len(text))
		for _, piece := range []string{text[:at], text[at:]} {
			if n, err := io.WriteString(w, piece); n != len(piece) || err != nil {
				t.Fatal(n, err)
			}
		}
		// With a control character, which no token has, a text that is cut can lose more than a whole one.
		odd := strings.ContainsFunc(secret, unicode.IsControl)
		if err := w.Flush(); err != nil || !odd && !sameText(b.String(), want, secret, text) {
			t.Errorf("%q in %q cut at %d: %q, want %q", secret, text, at, b.String(), want)
		}
		if runes := []rune(secret); len(runes) >= telling && !strings.Contains(Mark, secret[:1]) {
			if head := strings.Join(characters(secret)[:telling], ""); strings.Contains(want, head) {
				t.Errorf("%q stays in %q", head, want)
			}
		}
		doc, err := json.Marshal([]string{text, strconv.Quote(text), secret + text})
		if err != nil {
			t.Fatal(err)
		}
		var back []string
		if redacted := s.redact(string(doc)); len([]rune(secret)) >= telling && !strings.ContainsAny(secret, `",[]`) && json.Unmarshal([]byte(redacted), &back) != nil {
			t.Errorf("%s became %s", doc, redacted)
		}
	})
}

// sameText allows for a short secret at a cut, of whose neighbour the writer did not know,
// for a cut escape, and for secrets that overlap at a cut, which leave a mark each.
func sameText(got, want, secret, text string) bool {
	one := func(text string) string {
		for strings.Contains(text, "**") {
			text = strings.ReplaceAll(text, "**", "*")
		}
		return text
	}
	return one(got) == one(want) || len(characters(secret)) < telling || strings.Contains(text, `\`)
}

package safetext_test

import (
	"testing"

	"github.com/engram-sync/engram-sync/internal/safetext"
)

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		" plain  text\n":           "plain text",
		"two\r\nlines\tand\x00nil": "two lines andnil",
		"\x1b[31mred\u202eder":     "[31mredder",
		"not\xff UTF-8":            "not\uFFFD UTF-8",
		"äöüß 56789 123456789€":    "äöüß 56789 123456789…",
		"":                         "",
	} {
		if got := safetext.Line(text, 20); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

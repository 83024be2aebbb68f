package jsonscan

import (
	"bytes"
	"slices"
	"testing"
)

// Every two bytes, at every place of a word, end a run where the first of them does that is no plain text.
func TestPlainRun(t *testing.T) {
	for c := range 256 {
		for next := range 256 {
			for at := range 19 {
				text := bytes.Repeat([]byte{'~'}, 20)
				text[at], text[at+1] = byte(c), byte(next)
				want := slices.IndexFunc(text, func(c byte) bool { return c < ' ' || c == '"' || c == '\\' })
				if want < 0 {
					want = len(text)
				}
				if got := plainRun(text); got != want {
					t.Fatalf("%q: %d, want %d", text, got, want)
				}
			}
		}
	}
}

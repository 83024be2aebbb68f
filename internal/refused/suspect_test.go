package refused_test

import (
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/refused"
)

func TestReadSuspect(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"sessions":[{"id":"s"}],"observations":[{"title":"long"},{"title":"a\u0000b"}],"prompts":[{"content":"\u0000"}]}`: "observations[1] holds the character U+0000",
		`{"prompts":[{"content":"\u0000"}]}`:                                                   "prompts[0] holds the character U+0000",
		`{"observations":[{"title":"\\u0000"},{"title":"a much longer one \\\\u0000"},{}]}`:    "observations[1] is its longest row",
		`{"observations":[{"title":"\\\u0000"},{"title":"a much longer one"}],"prompts":null}`: "observations[0] holds the character U+0000",
	} {
		if got, err := refused.ReadSuspect(strings.NewReader(text)); err != nil || got.String() != want {
			t.Errorf("%s: %s, %v, want %s", text, got, err, want)
		}
	}
}

package markdown_test

import (
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/markdown"
	"github.com/engram-sync/engram-sync/internal/safetext"
)

// A part of a text loses the signs of what is bold, also of one that it cuts in two, and nothing else.
func TestBare(t *testing.T) {
	for text, want := range map[string]string{
		"**Why**: it is **fast**":           "Why: it is fast",
		"bold** at first, and last **bo":    "bold at first, and last bo",
		"…**Where**: `a`":                   "…Where: `a`",
		`**"quoted"** (**in**)`:             `"quoted" (in)`,
		"2**3 a ** b * c *d* ***e*** **":    "2**3 a ** b * c *d* e **",
		"__init__ and nothing":              "__init__ and nothing",
		"**{found}** and {a **found} b** c": "{found} and {a found} b c",
		"**{Why}**:":                        "{Why}:",
		"":                                  "",
	} {
		marks := strings.NewReplacer("{", safetext.Found, "}", safetext.Plain)
		if got := markdown.Bare(marks.Replace(text)); got != marks.Replace(want) {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}

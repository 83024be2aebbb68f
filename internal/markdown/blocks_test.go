package markdown_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/markdown"
	"github.com/engram-sync/engram-sync/internal/safetext"
)

// drawn is a text as its blocks are, one a line: its kind, and its lines with * around what has a style.
func drawn(text string) (lines []string) {
	line := func(spans []markdown.Span) string {
		var b strings.Builder
		for _, s := range spans {
			if s.Style != "" {
				s.Text = "*" + s.Text + "*"
			}
			b.WriteString(s.Text)
		}
		return b.String()
	}
	for _, b := range markdown.Blocks(text) {
		all := string(b.Kind) + ":"
		for _, l := range b.Lines {
			all += " " + line(l) + " |"
		}
		for _, i := range b.Items {
			all += strings.Repeat(" >", i.Depth) + " " + i.Sign
			for _, l := range i.Lines {
				all += " " + line(l) + " |"
			}
		}
		lines = append(lines, all)
	}
	return lines
}

func TestBlocks(t *testing.T) {
	got := drawn("# Title #\nfirst\nsecond **bold** and `code`\n\nthird\n- one\n  goes on\n  - two\n\n1. three\n> said\n```go\n- x **y**\n\n```\n\tindented\n<script>\x1b\u202e\n#no")
	want := []string{
		"heading: Title |", "text: first | second *bold* and *code* |", "text: third |", "list: - one | goes on | > - two | 1. three |", "quote: said |",
		"code: - x **y** |  |", "code:     indented |", `text: <script>\u001b\u202e | #no |`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzBlocks: whatever a text is, nothing of it is lost but signs and spaces, and nothing is left that a terminal would obey.
func FuzzBlocks(f *testing.F) {
	f.Add("# a\n- b\n\t```\nc\n```\n> d **e** `f`\n1) g\n    h\n\ufdd1\x00")
	f.Fuzz(func(t *testing.T, text string) {
		var all strings.Builder
		take := func(lines [][]markdown.Span) {
			for _, l := range lines {
				for _, s := range l {
					all.WriteString(s.Text)
				}
			}
		}
		for _, b := range markdown.Blocks(text) {
			take(b.Lines)
			for _, i := range b.Items {
				all.WriteString(i.Sign)
				take(i.Lines)
			}
		}
		if got := all.String(); safetext.Escape(got) != got {
			t.Errorf("%q became %q", text, got)
		}
		letters := func(safe string) string { // an escaped text without signs, spaces, and carriage returns
			safe = strings.Map(func(r rune) rune {
				if strings.ContainsRune("#>*`~ \t\n", r) {
					return -1
				}
				return r
			}, safe)
			for strings.Contains(safe, `\u000d`) { // what is taken out may join the ends of another
				safe = strings.ReplaceAll(safe, `\u000d`, "")
			}
			return safe
		}
		if want := letters(safetext.Escape(text)); !strings.Contains(text, "```") && !strings.Contains(text, "~~~") && letters(all.String()) != want {
			t.Errorf("of %q %q is left", text, all.String())
		}
	})
}

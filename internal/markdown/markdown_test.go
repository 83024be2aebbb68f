package markdown_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/markdown"
	"github.com/engram-sync/engram-sync/internal/safetext"
)

// seen is a text with its marks as people of the tests can read them.
var seen = strings.NewReplacer(safetext.Plain, "}", safetext.Bold, "{b:", safetext.Faint, "{f:", safetext.Accent, "{a:", safetext.Found, "{w:")

func TestRender(t *testing.T) {
	for _, tt := range []struct {
		name, text    string
		columns       int
		plain, styled string
	}{
		{"words are wrapped", "one two three four", 9, "one two\nthree\nfour", "one two\nthree\nfour"},
		{"lines are kept", "**What**: a\n**Why**: b", 40, "**What**: a\n**Why**: b", "{b:What}: a\n{b:Why}: b"},
		{"bold over lines", "**one two three**", 8, "**one\ntwo\nthree**", "{b:one two}\n{b:three}"},
		{"a heading", "## To *do* ##\n\n\n\ntext", 40, "## To *do*\n\ntext", "{b:To *do*}\n\ntext"},
		{"lists hang", "- one two three\n  * four five six\n10. seven eight", 11, "- one two\n  three\n  * four\n    five\n    six\n10. seven\n    eight", "- one two\n  three\n  * four\n    five\n    six\n10. seven\n    eight"},
		{"a quote", "> one two three", 10, "> one two\n> three", "> one two\n> three"},
		{"code is kept", "```go\nif  x {\n\tgo()\n}\n```\nafter", 40, "    if  x {\n        go()\n    }\nafter", "    {f:if  x {}\n    {f:    go()}\n    {f:}}\nafter"},
		{"long code is cut, and nothing of it lost", "~~~\n0123456789abcdef\n~~~", 14, "    0123456789\n    abcdef", "    {f:0123456789}\n    {f:abcdef}"},
		{"code that never ends", "```\na", 40, "    a", "    {f:a}"},
		{"a long word is cut", "see https://example.com/a/b/c now", 12, "see\nhttps://exam\nple.com/a/b/\nc now", "see\nhttps://exam\nple.com/a/b/\nc now"},
		{"wide characters", "日本語日本語", 6, "日本語\n日本語", "日本語\n日本語"},
		{"accents stay on their letter", "e\u0301e\u0301e\u0301", 2, "e\u0301e\u0301\ne\u0301", "e\u0301e\u0301\ne\u0301"},
		{"names with underscores", "__init__.py a__b__c 2*3*4 `x_y`", 40, "__init__.py a__b__c 2*3*4 `x_y`", "__init__.py a__b__c 2*3*4 {a:x_y}"},
		{"signs that end nowhere", "**a `b __c * d", 40, "**a `b __c * d", "**a `b __c * d"},
		{"what a terminal obeys", "a\x1b[31mb\u202ec\u009b\n\x07", 60, `a\u001b[31mb\u202ec\u009b` + "\n" + `\u0007`, `a\u001b[31mb\u202ec\u009b` + "\n" + `\u0007`},
		{"a stranger's marks", "\uFDD1x", 40, `\ufdd1x`, `\ufdd1x`},
		{"nothing", "\n \n", 40, "", ""},
	} {
		for styled, want := range map[bool]string{false: tt.plain, true: tt.styled} {
			got := seen.Replace(strings.Join(markdown.Render(tt.text, tt.columns, styled), "\n"))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (styled: %t):\n%s", tt.name, styled, diff)
			}
		}
	}
}

func TestCut(t *testing.T) {
	for text, want := range map[string]string{
		"short": "short", "a longer line": "a longer…", "日本語日本語": "日本語日…", safetext.Bold + "a longer line" + safetext.Plain: "{b:a longer}…",
	} {
		if got := seen.Replace(markdown.Cut(text, 9)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// A hostile text takes no more time than its length.
func TestHugeLines(t *testing.T) {
	for _, unit := range []string{"a", "*", "**a", "`", "`a", "__", "_a ", "e\u0301", "\u0301", "# ", "> ", "- ", "```", "\n```\n", "日", "\x1b", "\xff", safetext.Bold} {
		lines := markdown.Render(strings.Repeat(unit, 50_000), 40, true)
		if len(lines) > 150_000 {
			t.Errorf("%q: %d lines", unit, len(lines))
		}
	}
}

// FuzzRender: no line is wider than it may be, nothing is left that a terminal would obey, and no word is lost.
func FuzzRender(f *testing.F) {
	f.Add("# a\n- **b** `c`\n\n```\nd\te\n```\n> f\n1. g日本\u202e\x1b[0m", 20)
	f.Add("e\u0301__x__ "+safetext.Bold+"y", 3)
	f.Add(" 怗", 1)
	f.Fuzz(func(t *testing.T, text string, columns int) {
		columns = 1 + (columns&0x7fffffff)%120
		for _, styled := range []bool{false, true} {
			var letters strings.Builder
			for _, line := range markdown.Render(text, columns, styled) {
				bare := safetext.Unmarked(line)
				if !styled && bare != line || safetext.Escape(bare) != bare || strings.ContainsAny(bare, "\n\r\t") || !utf8.ValidString(bare) {
					t.Errorf("%q of %q", line, text)
				}
				if wide := markdown.Width(line); wide > columns && wide > 2 {
					t.Errorf("%q of %q is %d columns wide, not %d", line, text, wide, columns)
				}
				letters.WriteString(bare)
			}
			if strings.ContainsAny(text, "`~\r") { // what stands beside a fence is not shown, nor the end of a line
				continue
			}
			want, got := onlyLetters(safetext.Escape(text)), onlyLetters(letters.String())
			if want != got {
				t.Errorf("%q became %q", want, got)
			}
		}
	})
}

func onlyLetters(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, text)
}

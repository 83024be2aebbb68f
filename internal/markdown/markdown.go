// Package markdown makes plain text of what agents write, in lines of a width: what is marked stays marked, and nothing is lost.
// It takes anything for Markdown, however broken, and lets nothing through that a terminal would obey. Who shows memories calls it.
package markdown

import (
	"iter"
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"github.com/engram-sync/engram-sync/internal/safetext"
)

// Render gives the lines of a text, none of them wider than columns unless a single character is. styled: marks of
// package safetext stand for what the signs of Markdown say; else the signs stay where they say something.
//
// Lines of the text are not joined: most memories have a meaning to a line. Only what is too long is wrapped.
func Render(text string, columns int, styled bool) []string {
	r := renderer{columns: max(columns, 1), styled: styled}
	for line := range lines(text) {
		r.line(line)
	}
	for len(r.out) > 0 && r.out[len(r.out)-1] == "" {
		r.out = r.out[:len(r.out)-1]
	}
	return r.out
}

// lines gives the lines of a text as a terminal may have them, without the spaces at their ends. Whoever decides what they mean
// does so afterwards: a character that is written out is seen, so it is no space any more.
func lines(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(safetext.Escape(strings.ReplaceAll(text, "\r\n", "\n"))) {
			if !yield(strings.TrimRight(line, " \t\n")) {
				return
			}
		}
	}
}

type renderer struct {
	columns int
	styled  bool
	fence   string // that ends the code which is being read; "" outside of code
	out     []string
}

func (r *renderer) line(line string) {
	bare := strings.TrimLeft(line, " \t")
	switch {
	case r.fence != "":
		if strings.HasPrefix(bare, r.fence) && strings.Trim(bare, r.fence[:1]) == "" {
			r.fence = ""
			return
		}
		r.code(line)
	case strings.HasPrefix(bare, "```") || strings.HasPrefix(bare, "~~~"):
		r.fence = bare[:3]
	case bare == "":
		if len(r.out) > 0 && r.out[len(r.out)-1] != "" { // one is enough
			r.out = append(r.out, "")
		}
	case len(line)-len(bare) >= 4 && !isItem(bare):
		r.code(line)
	default:
		r.words(line[:len(line)-len(bare)], bare)
	}
}

// code is a line that is kept as it is, and cut where it is too long.
func (r *renderer) code(line string) {
	line = strings.ReplaceAll(line, "\t", "    ")
	const indent = "    "
	room := max(r.columns-len(indent), 1)
	if r.columns < 2*len(indent) {
		room = r.columns
	}
	first := true
	for first || line != "" {
		first = false
		n := cut(line, room)
		r.add(strings.Repeat(" ", min(len(indent), max(r.columns-room, 0))), r.mark(safetext.Faint, line[:n]))
		line = line[n:]
	}
}

// words is a line of words, which is wrapped between them.
func (r *renderer) words(indent, line string) {
	indent = strings.Repeat(" ", min(len(strings.ReplaceAll(indent, "\t", "    ")), 8))
	heading, level := strings.TrimLeft(line, "#"), 0
	if level = len(line) - len(heading); level > 0 && level <= 6 && strings.HasPrefix(heading, " ") {
		text := strings.Trim(strings.TrimRight(heading, "#"), " \t")
		if !r.styled { // without a style only the sign says what it is
			r.wrap("", "", strings.Repeat("#", level)+" "+text, false)
			return
		}
		r.wrap("", "", text, true)
		return
	}
	sign := ""
	switch {
	case isItem(line):
		end := strings.IndexByte(line, ' ') + 1
		sign, line = line[:end], strings.TrimLeft(line[end:], " ")
	case strings.HasPrefix(line, ">"):
		if quote := strings.TrimLeft(line, "> "); len(indent)+2 <= r.columns/2 {
			r.wrap(indent+"> ", indent+"> ", quote, false)
			return
		}
	}
	if len(indent)+len(sign) > min(r.columns/2, r.columns-2) { // there would be no room for words, or for one wide letter
		r.wrap("", "", sign+line, false)
		return
	}
	r.wrap(indent+sign, indent+strings.Repeat(" ", len(sign)), line, false)
}

// isItem says whether a line begins an item of a list: "- ", "* ", "+ ", "1. ", "1) ".
func isItem(line string) bool {
	sign, _, ok := strings.Cut(line, " ")
	switch {
	case !ok || len(sign) > 5:
		return false
	case sign == "-" || sign == "*" || sign == "+":
		return true
	}
	number := strings.TrimRight(sign, ".)")
	return len(number) == len(sign)-1 && number != "" && strings.Trim(number, "0123456789") == ""
}

// Wrap gives the lines of a line that is safe already and may have marks in it.
func Wrap(line string, columns int) []string {
	r := renderer{columns: max(columns, 1), styled: true}
	r.pieces("", "", line, false)
	return r.out
}

// wrap writes the words of a line, the first line behind one indent, the others behind another one.
func (r *renderer) wrap(first, others, line string, bold bool) {
	r.pieces(first, others, inline(line, r.styled), bold)
}

// pieces is wrap for a line with marks.
func (r *renderer) pieces(first, others, line string, bold bool) {
	var out strings.Builder
	indent, at, open := first, 0, ""
	flush := func() {
		text := out.String()
		if open != "" {
			text += safetext.Plain
		}
		if bold {
			text = r.mark(safetext.Bold, safetext.Unmarked(text))
		}
		r.add(indent, text)
		out.Reset()
		out.WriteString(open)
		indent, at = others, 0
	}
	for _, word := range strings.Fields(line) {
		wide := Width(word)
		if at > 0 && at+1+wide > r.columns-len(indent) {
			flush()
		}
		if at > 0 {
			out.WriteByte(' ')
			at++
		}
		for wide > r.columns-len(indent)-at { // longer than a line
			n := cut(word, r.columns-len(indent)-at)
			open = openAfter(open, word[:n])
			out.WriteString(word[:n])
			wide -= Width(word[:n])
			word = word[n:]
			flush()
		}
		open = openAfter(open, word)
		out.WriteString(word)
		at += wide
	}
	if at > 0 || out.Len() == 0 {
		flush()
	}
}

// openAfter is the mark that is in force behind a word.
func openAfter(open, word string) string {
	for _, c := range word {
		if safetext.IsMark(c) {
			if open = string(c); open == safetext.Plain {
				open = ""
			}
		}
	}
	return open
}

func (r *renderer) mark(mark, text string) string {
	if !r.styled {
		return text
	}
	return safetext.Styled(mark, text)
}

func (r *renderer) add(indent, text string) {
	r.out = append(r.out, strings.TrimRight(indent+text, " "))
}

// inline makes marks of **bold** and `code` within a line, which is escaped already. Underscores stay: they are
// in names more often than around words.
func inline(line string, styled bool) string {
	if !styled || !strings.ContainsAny(line, "*`") {
		return line
	}
	var b strings.Builder
	for line != "" {
		at := strings.IndexAny(line, "*`")
		if at < 0 {
			break
		}
		rest := line[at:]
		b.WriteString(line[:at])
		sign, mark := rest[:1], safetext.Accent
		if sign != "`" {
			sign, mark = "**", safetext.Bold
		}
		inner, after, found := cutBetween(rest, sign)
		if !found {
			n := 1
			if strings.HasPrefix(rest, sign) {
				n = len(sign)
			}
			b.WriteString(rest[:n])
			line = rest[n:]
			continue
		}
		b.WriteString(safetext.Styled(mark, inner))
		line = after
	}
	b.WriteString(line)
	return b.String()
}

// cutBetween finds what stands between two signs, where the first is at the beginning.
func cutBetween(text, sign string) (inner, after string, found bool) {
	rest, ok := strings.CutPrefix(text, sign)
	if !ok {
		return "", "", false
	}
	inner, after, found = strings.Cut(rest, sign)
	return inner, after, found && strings.TrimSpace(inner) != "" && !strings.HasPrefix(inner, " ") && len(inner) < 4096
}

// Width is how many columns a text takes.
func Width(text string) int {
	columns := 0
	for _, c := range text {
		columns += runeWidth(c)
	}
	return columns
}

func runeWidth(c rune) int {
	switch {
	case c >= ' ' && c <= '~':
		return 1
	case safetext.IsMark(c) || unicode.In(c, unicode.Mn, unicode.Me):
		return 0
	case c >= '\u1160' && c <= '\u11ff': // vowels and finals of Hangul, which are drawn into the letter before them
		return 0
	}
	switch width.LookupRune(c).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// cut is how many bytes of a text fit into columns, at least one character. No letter is cut from its accents.
func cut(text string, columns int) int {
	taken := 0
	for i, c := range text {
		w := runeWidth(c)
		if i > 0 && w > 0 && taken+w > columns {
			return i
		}
		taken += w
	}
	return len(text)
}

// Cut is a line of at most so many columns: a longer one ends with an ellipsis. What a style opened is closed.
func Cut(line string, columns int) string {
	if Width(line) <= columns {
		return line
	}
	line = line[:cut(line, max(columns-1, 1))]
	if openAfter("", line) != "" {
		line += safetext.Plain
	}
	return line + "…"
}

package terminal

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
)

// OneLine is a text without line breaks, as errors are printed.
func OneLine(s string) string {
	s = strings.ReplaceAll(strings.TrimSpace(s), "\n", "; ") // between joined errors
	return strings.Join(strings.Fields(s), " ")
}

// Visible is a stranger's text as it may stand in a table: as it is if it is
// plain, quoted if it holds anything that a terminal would obey.
func Visible(s string) string {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsGraphic(r) }) {
		return strconv.QuoteToGraphic(s)
	}
	return s
}

// Size is a number of bytes for people.
func Size(n int64) string { return humanize.Bytes(uint64(max(0, n))) }

// Count is a number with its noun.
func Count(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "ory"):
		noun = strings.TrimSuffix(noun, "y") + "ie"
	}
	return fmt.Sprintf("%s %ss", humanize.Comma(int64(n)), noun)
}

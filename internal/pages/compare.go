package pages

import (
	"strings"

	"github.com/engram-sync/engram-sync/internal/difference"
	"github.com/engram-sync/engram-sync/internal/safetext"
)

// line is a line of two texts that are compared. Sign is + where only the later one has it, - where only the earlier one, "…"
// where lines that both have are left out.
type line struct{ Sign, Text string }

// maxCompared is how much of two texts is compared, in bytes of both.
const maxCompared = 256 << 10

// compare gives the lines that two texts differ in, and some around them. large says that they are too large for that.
func compare(before, after string) (lines []line, large bool) {
	diff, ok := "", len(before)+len(after) <= maxCompared
	if ok {
		diff, ok = difference.Lines(before, after)
	}
	for text := range strings.Lines(diff) {
		sign, rest := strings.TrimSpace(text[:1]), strings.TrimRight(text[1:], "\r\n")
		if sign == "@" { // where a part begins
			sign, rest = "…", ""
		}
		lines = append(lines, line{sign, safetext.Escape(rest)})
	}
	return lines, !ok
}

package pages

import (
	"fmt"
	"regexp"
	"strings"
)

// moment is a time as it stands in output: it is another one each time.
var moment = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z`)

// gap is what lies between the columns of a table: it is as wide as the longest text wants it.
var gap = regexp.MustCompile(`(\S) {2,}`)

// match compares the lines that a page shows with what a command printed. In a line `…` stands for anything, as a
// line of its own for any lines. Times are equal, and it does not count how wide
// gaps are, nor spaces at the end.
func match(shown []string, printed string) error {
	var pattern strings.Builder
	pattern.WriteString(`^`)
	for _, line := range shown {
		if strings.TrimSpace(line) == "…" {
			pattern.WriteString(`(?:.*\n)*`)
			continue
		}
		pieces := strings.Split(normal(line), "…")
		for i, piece := range pieces {
			pieces[i] = regexp.QuoteMeta(piece)
		}
		pattern.WriteString(strings.Join(pieces, ".*") + `\n`)
	}
	pattern.WriteString(`$`)
	got := ""
	for line := range strings.SplitSeq(strings.TrimSpace(printed), "\n") {
		got += normal(line) + "\n"
	}
	if !regexp.MustCompile(pattern.String()).MatchString(got) {
		return fmt.Errorf("the page shows\n%s\nand it prints\n%s", indent(strings.Join(shown, "\n")), indent(got))
	}
	return nil
}

func normal(line string) string {
	return gap.ReplaceAllString(moment.ReplaceAllString(strings.TrimRight(line, " \r\n"), "TIME"), "$1  ")
}

func indent(text string) string {
	return "\t" + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n\t")
}

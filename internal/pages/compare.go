package pages

import (
	"strings"

	"github.com/engram-sync/engram-sync/internal/safetext"
)

// line is a line of two texts that are compared. Sign is + where only the later one has it, - where only the earlier one, "…"
// where lines that both have are left out.
type line struct{ Sign, Text string }

const (
	// maxCompared is how much of two texts is compared, in bytes and in lines of both.
	maxCompared, maxComparedLines = 256 << 10, 4000
	// around is how many lines are shown around those that differ.
	around = 2
)

// compare gives the lines that two texts differ in, and some around them. large says that they are too large for that.
func compare(before, after string) (lines []line, large bool) {
	if len(before)+len(after) > maxCompared {
		return nil, true
	}
	a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
	if len(a)+len(b) > maxComparedLines {
		return nil, true
	}
	return shorten(script(a, b)), false
}

// script are all lines of two texts, those that both have once: as few as can be differ.
func script(a, b []string) (lines []line) {
	// common[i][j] is how many lines a[i:] and b[j:] have in common, in their order.
	common := make([][]int16, len(a)+1)
	for i := range common {
		common[i] = make([]int16, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	add := func(sign, text string) {
		lines = append(lines, line{sign, safetext.Escape(strings.TrimRight(text, "\r"))})
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			add("", a[i])
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || common[i+1][j] >= common[i][j+1]):
			add("-", a[i])
			i++
		default:
			add("+", b[j])
			j++
		}
	}
	return lines
}

// shorten leaves out lines that both have and that are far from all others.
func shorten(lines []line) (short []line) {
	near := make([]bool, len(lines))
	for i, l := range lines {
		if l.Sign != "" {
			for k := max(0, i-around); k <= min(len(lines)-1, i+around); k++ {
				near[k] = true
			}
		}
	}
	for i, l := range lines {
		switch {
		case near[i]:
			short = append(short, l)
		case len(short) == 0 || short[len(short)-1].Sign != "…":
			short = append(short, line{Sign: "…"})
		}
	}
	return short
}

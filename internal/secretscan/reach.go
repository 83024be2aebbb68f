package secretscan

import (
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

const (
	maxReach = 4096 // bytes: a rule that reaches further is looked for in the whole text
	margin   = 8    // around what a match can have, so that none ends where the window does
)

// reachOf is how many bytes a match of an expression has at most, where each match has one of the keywords in it as far as
// can be told; 0 where there is no such bound.
func reachOf(text string, keywords []string) int {
	for _, word := range keywords {
		if !strings.Contains(strings.ReplaceAll(strings.ToLower(text), `\.`, "."), strings.ToLower(word)) {
			return 0
		}
	}
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil || len(keywords) == 0 {
		return 0
	}
	if n := longestOf(re); n <= maxReach {
		return n
	}
	return 0
}

// longestOf is the length in bytes of the longest match, or more than maxReach.
func longestOf(re *syntax.Regexp) (n int) {
	switch re.Op {
	case syntax.OpLiteral:
		n = len(re.Rune) * utf8.UTFMax
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		n = utf8.UTFMax
	case syntax.OpStar, syntax.OpPlus:
		n = maxReach + 1
	case syntax.OpRepeat:
		if n = longestOf(re.Sub[0]) * re.Max; re.Max < 0 {
			n = maxReach + 1
		}
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			n = max(n, longestOf(sub))
		}
	default: // what surrounds others, or has no length
		for _, sub := range re.Sub {
			n += longestOf(sub)
		}
	}
	return min(n, maxReach+1)
}

// near is FindAllStringSubmatchIndex in those parts of a text that a match can lie in: around where keywords end.
func (r *rule) near(text string, ends []int) (all [][]int) {
	reach := r.reach + margin
	for i := 0; i < len(ends); {
		from, to := max(ends[i]-reach, 0), ends[i]+reach
		for i++; i < len(ends) && ends[i]-reach <= to; i++ {
			to = ends[i] + reach
		}
		to = min(to, len(text))
		for _, at := range r.compile().FindAllStringSubmatchIndex(text[from:to], -1) {
			if at[0] == 0 && from > 0 || from+at[1] == to && to < len(text) {
				continue // the window made it one
			}
			for j := range at {
				if at[j] >= 0 {
					at[j] += from
				}
			}
			all = append(all, at)
		}
	}
	return all
}

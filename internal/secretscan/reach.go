package secretscan

import (
	"regexp/syntax"
	"slices"
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
		n = len(string(re.Rune))
		if re.Flags&syntax.FoldCase != 0 { // some letters have a longer one of the other case
			n = len(re.Rune) * utf8.UTFMax
		}
	case syntax.OpCharClass:
		if n = utf8.RuneLen(re.Rune[len(re.Rune)-1]); n < 0 {
			n = utf8.UTFMax
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
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
func (l look) near(text string, ends []int) (all [][]int) {
	reach := l.reach + margin
	for i := 0; i < len(ends); {
		from, to := max(ends[i]-reach, 0), ends[i]+reach
		for i++; i < len(ends) && ends[i]-reach <= to; i++ {
			to = ends[i] + reach
		}
		to = min(to, len(text))
		for _, at := range l.FindAllStringSubmatchIndex(text[from:to], -1) {
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

// beginsWith says whether each match of an expression begins with one of the keywords.
func beginsWith(text string, keywords []string) bool {
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return false
	}
	firsts, ok := firstsOf(re)
	for _, first := range firsts {
		ok = ok && slices.ContainsFunc(keywords, func(word string) bool {
			return strings.HasPrefix(strings.ToLower(first), strings.ToLower(word))
		})
	}
	return ok && len(firsts) > 0
}

// firstsOf are the literal texts that a match of an expression can begin with; not ok where there are others.
func firstsOf(re *syntax.Regexp) (firsts []string, ok bool) {
	switch re.Op {
	case syntax.OpLiteral:
		return []string{string(re.Rune)}, true
	case syntax.OpCapture:
		return firstsOf(re.Sub[0])
	case syntax.OpConcat:
		first, ok := firstsOf(re.Sub[0])
		if !ok || len(re.Sub) == 1 || len(first) != 1 {
			return first, ok
		}
		// What several alternatives begin with stands before them.
		if rest, further := firstsOf(re.Sub[1]); further {
			for i := range rest {
				rest[i] = first[0] + rest[i]
			}
			return rest, true
		}
		return first, true
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			more, ok := firstsOf(sub)
			if !ok {
				return nil, false
			}
			firsts = append(firsts, more...)
		}
		return firsts, true
	}
	return nil, false
}

// from is FindAllStringSubmatchIndex for a rule whose matches begin with a keyword: it is tried where one stands.
func (r *rule) from(text string, ends []int) (all [][]int) {
	done := 0
	for _, end := range ends {
		for _, word := range r.Keywords {
			start := end - len(word)
			if start < done || !strings.EqualFold(text[start:end], word) || start > 0 && isWord(text[start-1]) {
				continue
			}
			at := r.look().FindStringSubmatchIndex(text[start:])
			if at == nil {
				continue
			}
			for i := range at {
				if at[i] >= 0 {
					at[i] += start
				}
			}
			all, done = append(all, at), at[1]
		}
	}
	return all
}

// isWord is what \b knows as a part of a word.
func isWord(c byte) bool { return isLead(c) && c != '.' && c != '-' }

// longestEnding is the length of the longest keyword with which a text ends; 0 is none.
func (r *rule) longestEnding(text string) (longest int) {
	for _, word := range r.Keywords {
		if n := len(word); n > longest && n <= len(text) && strings.EqualFold(text[len(text)-n:], word) {
			longest = n
		}
	}
	return longest
}

// Package secretscan looks for what has the shape of a secret in a text, by the rules that gitleaks
// publishes. It knows no disk and no network. What it gives never holds a secret: places, and hashes.
package secretscan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Match is one secret in a text: text[Start:End], found by a rule.
type Match struct {
	Rule, Description string
	Start, End        int

	matched int // where that ends which the rule looks for
}

// Scan gives the secrets in a text by their places, none of which lies in another one. It is
// safe for concurrent use.
func Scan(text string) []Match {
	set, hits := rules(), table().hits(text)
	var found []Match
	for len(hits) > 0 {
		r, n := hits[0].rule, 0
		var ends []int
		for ; n < len(hits) && hits[n].rule == r; n++ {
			ends = append(ends, hits[n].end)
		}
		found, hits = append(found, set.Rules[r].scan(text, ends, &set.Allowlist)...), hits[n:]
	}
	return apart(found)
}

// apart leaves out what lies in another match, or is it once more: what is particular beats what
// is general, and the longer the shorter.
func apart(found []Match) []Match {
	slices.SortStableFunc(found, func(a, b Match) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End), cmp.Compare(general(a), general(b)))
	})
	var kept []Match
	for _, m := range found {
		if n := len(kept); n > 0 && m.Start < kept[n-1].End {
			if general(kept[n-1]) > general(m) {
				m.Start, m.End = kept[n-1].Start, max(kept[n-1].End, m.End)
				kept[n-1] = m
			} else {
				kept[n-1].End = max(kept[n-1].End, m.End)
			}
			continue
		}
		kept = append(kept, m)
	}
	return kept
}

func general(m Match) int {
	if m.Rule == generalRule {
		return 1
	}
	return 0
}

func (r *rule) scan(text string, ends []int, everywhere *allowlist) (found []Match) {
	for _, at := range r.find(text, ends) {
		m := Match{Rule: r.ID, Description: r.Description, Start: at[0], End: at[1], matched: at[1]}
		for group := 1; group < len(at)/2; group++ {
			if r.SecretGroup == group || r.SecretGroup == 0 && at[2*group+1] > at[2*group] {
				m.Start, m.End = at[2*group], at[2*group+1]
				break
			}
		}
		if m.Start < 0 || m.Start == m.End || r.Entropy != 0 && entropy(text[m.Start:m.End]) <= r.Entropy {
			continue
		}
		from := at[0]
		for back := 0; r.lead && back < 50 && from > 0 && isLead(text[from-1]); back++ {
			from--
		}
		allows := func(a *allowlist) bool { return a.allows(text, m, from) }
		if !allows(everywhere) && !slices.ContainsFunc(r.Allowlists, allows) {
			found = append(found, m)
		}
	}
	return found
}

// find is FindAllStringSubmatchIndex, in a text in which keywords of the rule end there. The general rule has a keyword in every other text, and is looked for where
// one stands alone: that takes a twentieth of the time.
func (r *rule) find(text string, ends []int) (all [][]int) {
	re := r.look()
	switch {
	case re.begun:
		return r.from(text, ends)
	case !r.anchored && re.reach > 0:
		return re.near(text, ends)
	case !r.anchored:
		return re.FindAllStringSubmatchIndex(text, -1)
	}
	done := 0
	for _, end := range ends {
		start := end - r.longestEnding(text[:end])
		if start < done {
			continue
		}
		at := re.FindStringSubmatchIndex(text[start:min(start+longest, len(text))])
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
	return all
}

// longest is more than the longest match of the general rule, in bytes.
const longest = 512

// assigns says whether what the general rule wants behind a keyword can follow: the rest of a name, one of its
// operators, blanks and quotes, and a value. It may be wrong in saying so, above all where the text stands in JSON.
func assigns[T string | []byte](text T, inJSON bool) bool {
	next, all := decoded(make([]byte, 0, reachOfGeneral), text, inJSON)
	i, value := 0, 0
	for i < len(next) && i < 40 && (isLead(next[i]) || isBlank(next[i])) {
		i++
	}
	if i < len(next) && strings.IndexByte("=>:|?,", next[i]) < 0 {
		return false
	}
	for ; i < len(next) && (isBlank(next[i]) || strings.IndexByte("=>:|?,`", next[i]) >= 0); i++ {
		if next[i] == '=' { // which values may have too
			value++
		}
	}
	for ; i < len(next) && (isLead(next[i]) || strings.IndexByte("=+/", next[i]) >= 0 || next[i] >= utf8.RuneSelf); i++ {
		value++
	}
	return value >= 10 || i == len(next) && !all
}

// reachOfGeneral is more than how far an operator and the beginning of a value are from a keyword.
const reachOfGeneral = 64

// decoded adds the first bytes of a text, as far as there is room, and says whether these are all. Of one that stands in JSON
// it gives those up to a character that is spelled by its number, or in JSON that stands in it.
func decoded[T string | []byte](first []byte, text T, inJSON bool) (_ []byte, all bool) {
	for i := 0; i < len(text); i++ {
		if len(first) == cap(first) {
			return first, false
		}
		c := text[i]
		switch {
		case !inJSON:
		case c == '"':
			return first, true
		case c == '\\' && i+1 < len(text):
			i++
			switch c = text[i]; c {
			case 'u', '\\':
				return first, false
			case 'n', 't', 'r', 'f':
				c = ' '
			case 'b':
				c = '\b'
			}
		}
		first = append(first, c)
	}
	return first, true
}

// isBlank says whether a byte is one that the general rule takes beside its operators: one of [\s'"].
func isBlank(c byte) bool {
	switch c {
	case ' ', '\t', '\n', '\r', '\f', '\'', '"':
		return true
	}
	return false
}

// isLead says whether a byte is one of [\w.-].
func isLead(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '.' || c == '-'
}

// entropy is Shannon's, in bits a character.
func entropy(text string) (bits float64) {
	counts := map[rune]int{}
	for _, c := range text {
		counts[c]++
	}
	all := float64(utf8.RuneCountInString(text))
	for _, n := range counts {
		p := float64(n) / all
		bits -= p * math.Log2(p)
	}
	return bits
}

// Fingerprint names a secret of a row without telling it: the same in every chunk that has the row, and
// for whatever else the row says. 16 hex digits.
func Fingerprint(rule, row, secret string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{"engram-sync secret 1", rule, row, secret}, "\x00")))
	return hex.EncodeToString(sum[:8])
}

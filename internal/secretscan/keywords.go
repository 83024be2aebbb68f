package secretscan

import (
	"strings"
	"sync"
)

// keywords finds which rules can match a text at all, in one look at it: an automaton after Aho and
// Corasick, for which upper and lower case are the same.
type keywords struct {
	next  [][256]uint16 // by state and byte: the next state, with told where a keyword ends there
	rules [][]uint16    // by state: whose keyword ends there
	// bare are the rules without keywords, which any text can match.
	bare []uint16
}

// told marks states that have rules, so that the others cost one look.
const told = 1 << 15

// hit is that a keyword of a rule ends at a place.
type hit struct {
	rule uint16
	end  int
}

var table = sync.OnceValue(func() *keywords {
	set := rules().Rules
	k := &keywords{next: make([][256]uint16, 1), rules: make([][]uint16, 1)}
	for i, r := range set {
		if len(r.Keywords) == 0 {
			k.bare = append(k.bare, uint16(i))
		}
		for _, word := range r.Keywords {
			at := uint16(0)
			for _, c := range []byte(strings.ToLower(word)) {
				if k.next[at][c] == 0 {
					k.next, k.rules = append(k.next, [256]uint16{}), append(k.rules, nil)
					k.next[at][c] = uint16(len(k.next) - 1)
				}
				at = k.next[at][c]
			}
			k.rules[at] = append(k.rules[at], uint16(i))
		}
	}
	// Breadth first, so that a state's shorter end is done before it.
	fail, queue := make([]uint16, len(k.next)), []uint16{}
	for c := range 256 {
		if to := k.next[0][c]; to != 0 {
			queue = append(queue, to)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		k.rules[at] = append(k.rules[at], k.rules[fail[at]]...)
		for c := range 256 {
			to := k.next[at][c]
			if to == 0 {
				k.next[at][c] = k.next[fail[at]][c]
				continue
			}
			fail[to] = k.next[fail[at]][c]
			queue = append(queue, to)
		}
	}
	for at := range k.next {
		next := &k.next[at]
		for c, to := range next {
			if len(k.rules[to]) > 0 {
				next[c] |= told
			}
		}
		copy(next['A':'Z'+1], next['a':'z'+1])
	}
	return k
})

// hits gives where keywords end in a text, in order. Most texts have none, and cost no memory.
func (k *keywords) hits(text string) (hits []hit) {
	at := uint16(0)
	for i := range len(text) {
		if at = k.next[at][text[i]]; at >= told {
			at -= told
			for _, r := range k.rules[at] {
				hits = append(hits, hit{r, i + 1})
			}
		}
	}
	return hits
}

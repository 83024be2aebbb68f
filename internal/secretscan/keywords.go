package secretscan

import (
	"strings"
	"sync"
)

// keywords finds which rules can match a text at all, in one look at it: an automaton after Aho and
// Corasick, for which upper and lower case are the same.
type keywords struct {
	next  [][256]uint16
	rules [][]uint16 // by state: whose keyword ends there
	all   int        // rules
}

var table = sync.OnceValue(func() *keywords {
	set := rules().Rules
	k := &keywords{next: make([][256]uint16, 1), rules: make([][]uint16, 1), all: len(set)}
	for i, r := range set {
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
		copy(k.next[at]['A':'Z'+1], k.next[at]['a':'z'+1])
	}
	return k
})

// ends gives, for each rule, where its keywords end in a text, in order; nil where there is none.
func (k *keywords) ends(text string) [][]int {
	ends, at := make([][]int, k.all), uint16(0)
	for i := range len(text) {
		at = k.next[at][text[i]]
		for _, r := range k.rules[at] {
			ends[r] = append(ends[r], i+1)
		}
	}
	return ends
}

package journal

import (
	"slices"
	"sort"
)

// Positions is a set of places in a source, as ranges in ascending order that
// do not touch. Its JSON is [[first,last],...]. Not safe for concurrent use.
type Positions [][2]int64

// Add puts in one position. It is fast at the end, where rows come from.
func (p *Positions) Add(n int64) {
	from, joined := p.search(n-1), [2]int64{n, n}
	to := from
	for ; to < len(*p) && (*p)[to][0] <= n+1; to++ {
		joined = [2]int64{min(joined[0], (*p)[to][0]), max(joined[1], (*p)[to][1])}
	}
	*p = slices.Replace(*p, from, to, joined)
}

// Remove takes out one position, if it is there.
func (p *Positions) Remove(n int64) {
	if !p.Has(n) {
		return
	}
	i := p.search(n)
	var rest Positions
	if first := (*p)[i][0]; first < n {
		rest = append(rest, [2]int64{first, n - 1})
	}
	if last := (*p)[i][1]; n < last {
		rest = append(rest, [2]int64{n + 1, last})
	}
	*p = slices.Replace(*p, i, i+1, rest...)
}

// Cut takes out everything after n.
func (p *Positions) Cut(n int64) {
	has := p.Has(n)
	*p = (*p)[:p.search(n)]
	if has { // the range that it is in ends there now
		*p = (*p)[:len(*p)+1]
		(*p)[len(*p)-1][1] = n
	}
}

// Has says whether a position is in the set.
func (p Positions) Has(n int64) bool {
	i := p.search(n)
	return i < len(p) && p[i][0] <= n
}

// Len is how many positions there are.
func (p Positions) Len() int64 {
	n := int64(0)
	for _, r := range p {
		n += r[1] - r[0] + 1
	}
	return n
}

// search finds the first range that does not end before n.
func (p Positions) search(n int64) int {
	return sort.Search(len(p), func(i int) bool { return p[i][1] >= n })
}

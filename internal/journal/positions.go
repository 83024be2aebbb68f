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
	ranges := *p
	i := ranges.search(n)
	if i < len(ranges) && ranges[i][0] <= n {
		return
	}
	joinsLeft := i > 0 && ranges[i-1][1] == n-1
	joinsRight := i < len(ranges) && ranges[i][0] == n+1
	switch {
	case joinsLeft && joinsRight:
		ranges[i-1][1] = ranges[i][1]
		*p = slices.Delete(ranges, i, i+1)
	case joinsLeft:
		ranges[i-1][1] = n
	case joinsRight:
		ranges[i][0] = n
	default:
		*p = slices.Insert(ranges, i, [2]int64{n, n})
	}
}

// Remove takes out one position, if it is there.
func (p *Positions) Remove(n int64) {
	ranges := *p
	i := ranges.search(n)
	if i == len(ranges) || ranges[i][0] > n {
		return
	}
	first, last := ranges[i][0], ranges[i][1]
	switch {
	case first == last:
		*p = slices.Delete(ranges, i, i+1)
	case n == first:
		ranges[i][0]++
	case n == last:
		ranges[i][1]--
	default:
		ranges[i][1] = n - 1
		*p = slices.Insert(ranges, i+1, [2]int64{n + 1, last})
	}
}

// Cut takes out everything after n.
func (p *Positions) Cut(n int64) {
	i := p.search(n + 1)
	ranges := (*p)[:min(i+1, len(*p))]
	if i < len(ranges) {
		if ranges[i][0] > n {
			ranges = ranges[:i]
		} else {
			ranges[i][1] = n
		}
	}
	*p = ranges
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

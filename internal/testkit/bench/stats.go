package bench

import "slices"

// Spread is a middle, and how far what was measured lies from it.
type Spread struct{ Median, Least, Most float64 }

// SpreadOf gives the spread of some values, of which there is one at least.
func SpreadOf(values []float64) Spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return Spread{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Least: sorted[0], Most: sorted[n-1]}
}

// Of is the spread of a contestant's figure; false if it has none.
func (o Outcome) Of(contestant string, f Figure) (Spread, bool) {
	var values []float64
	for _, s := range o.Samples[contestant] {
		if v, ok := s[f]; ok {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return Spread{}, false
	}
	return SpreadOf(values), true
}

// Ratio is how many times a contestant's figure another's is: of each round, since both had the same
// conditions then.
func (o Outcome) Ratio(contestant, to string, f Figure) (Spread, bool) {
	a, b := o.Samples[contestant], o.Samples[to]
	var ratios []float64
	for i := range min(len(a), len(b)) {
		one, ok := a[i][f]
		other, also := b[i][f]
		if ok && also && other > 0 {
			ratios = append(ratios, one/other)
		}
	}
	if len(ratios) == 0 {
		return Spread{}, false
	}
	return SpreadOf(ratios), true
}

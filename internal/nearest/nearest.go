// Package nearest finds the word that somebody meant who wrote another one. It knows nothing; who refuses a word calls it.
package nearest

import (
	"slices"
	"strings"
)

// Of gives the words that differ from the one that was written in at most a third of its letters, and in no more than
// three; a word that begins with it is near too. The nearest come first. Case does not count.
func Of(written string, words []string) []string {
	type near struct {
		word     string
		distance int
	}
	var found []near
	written = strings.ToLower(written)
	for _, word := range words {
		d := distance(written, strings.ToLower(word))
		switch {
		case d <= min(3, max(1, (len(written)+1)/3)):
			found = append(found, near{word, d})
		case len(written) > 2 && strings.HasPrefix(strings.ToLower(word), written):
			found = append(found, near{word, 4})
		}
	}
	slices.SortStableFunc(found, func(a, b near) int { return a.distance - b.distance })
	var near3 []string
	for _, f := range found[:min(3, len(found))] {
		near3 = append(near3, f.word)
	}
	return near3
}

// Question is what is added to a refusal: ": did you mean A or B", or "" where nothing is near.
func Question(written string, words []string) string {
	near := Of(written, words)
	if len(near) == 0 {
		return ""
	}
	return ": did you mean " + strings.Join(near, " or ")
}

// distance is how many letters have to be changed, left out, added, or swapped with the next one.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			row[j+1] = min(last[j]+change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

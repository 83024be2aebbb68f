// Package refused is about rows that a server does not take: why those stay here for which
// it would refuse their chunk, and the one for which it most likely did.
package refused

import (
	"fmt"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// maxCauses is how many causes a message names.
const maxCauses = 3

// Causes says in one line why rows stay here: what is wrong with them first, and
// then how many depend on those.
func Causes(rows []engram.RowNote) string {
	var order []cause
	counts := map[cause]int{}
	depending := map[string]int{}
	for _, r := range rows {
		if r.Reason == engram.DependsOnLeftOut {
			depending[noun(r.List)]++
			continue
		}
		c := causeOf(r)
		if counts[c]++; counts[c] == 1 {
			order = append(order, c)
		}
	}
	slices.SortStableFunc(order, func(a, b cause) int { return counts[b] - counts[a] })
	var parts []string
	for _, c := range order[:min(len(order), maxCauses)] {
		parts = append(parts, c.text(counts[c]))
	}
	if more := len(order) - maxCauses; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more causes", more))
	}
	for _, list := range []string{"session", "memory", "prompt", "mutation"} {
		switch n := depending[list]; {
		case n > 0 && len(rows) == sum(depending): // what they need is of another chunk, or of none
			parts = append(parts, plural(n, list)+verb(n, " needs", " need")+" a session that is left out or missing")
		case n > 0:
			parts = append(parts, dependents(n, list, len(rows)-sum(depending) == 1))
		}
	}
	return strings.Join(parts, "; ")
}

// cause is what is wrong with rows of one kind.
type cause struct{ noun, what string }

func causeOf(r engram.RowNote) cause {
	switch {
	case r.Index < 0:
		return cause{"", r.String()}
	case r.Reason == engram.Required:
		return cause{noun(r.List), "no " + r.Field}
	case r.Field != "":
		return cause{noun(r.List), fmt.Sprintf("a %s that %s", r.Field, r.Reason)}
	}
	return cause{noun(r.List), r.Reason}
}

func (c cause) text(n int) string {
	switch {
	case c.noun == "":
		return c.what
	case strings.HasPrefix(c.what, "no "), strings.HasPrefix(c.what, "a "):
		return plural(n, c.noun) + verb(n, " has ", " have ") + c.what
	}
	return plural(n, c.noun) + " that " + c.what
}

func dependents(n int, noun string, one bool) string {
	on := "them"
	if one {
		on = "it"
	}
	return plural(n, noun) + verb(n, " depends on ", " depend on ") + on
}

func noun(list string) string {
	switch list {
	case "observations":
		return "memory"
	case "sessions", "prompts", "mutations":
		return strings.TrimSuffix(list, "s")
	}
	return "row"
}

func plural(n int, noun string) string {
	switch {
	case n == 1:
	case noun == "memory":
		noun = "memories"
	default:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func sum(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

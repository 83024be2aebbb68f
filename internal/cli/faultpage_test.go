package cli

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/faults"
)

// TestFaultsPage compares the table of the page with those that the runs are held to.
func TestFaultsPage(t *testing.T) {
	section(t, "reliability.md", "table of faults", faultTable())
}

func faultTable() string {
	var b strings.Builder
	b.WriteString("| fault | first request | `pull` | `mutations pull` | `push` | `mutations push` |\n|---|---|---|---|---|---|")
	for _, class := range faults.Classes {
		var names []string
		for _, f := range faults.All() {
			if f.Class == class {
				names = append(names, f.Name)
			}
		}
		e := expectations[class]
		fmt.Fprintf(&b, "\n| **%s**: %s | %s | %s | %s | %s | %s |", class, strings.Join(names, "; "), e.first, e.pull, e.page, e.push, e.rows)
	}
	return b.String()
}

// codes are exit codes, of which one has to come: "0" or "3 or 6".
type codes string

func (c codes) allows(code int) bool {
	for one := range strings.SplitSeq(string(c), " or ") {
		if one == strconv.Itoa(code) {
			return true
		}
	}
	return false
}

// often is the codes for a fault that strikes once, and for one that stays: "0, 5". Where
// the kinds of server differ, those of project servers follow: "0, 8; 8, 8".
type often string

func (o often) at(kind string, always bool) codes {
	account, project, differ := strings.Cut(string(o), "; ")
	if differ && kind == "project" {
		account = project
	}
	once, ever, _ := strings.Cut(account, ", ")
	if always {
		return codes(ever)
	}
	return codes(once)
}

// expectation is what has to come of the faults of a class, by the request that they strike.
type expectation struct{ first, pull, page, push, rows often }

func expectedOf(c cell) codes {
	e := expectations[c.fault.Class]
	o := map[string]often{"push": e.push, "pull": e.pull, "mutations push": e.rows, "mutations pull": e.page}[c.on.name]
	if !c.main {
		o = e.first
	}
	return o.at(c.kind, c.always)
}

var expectations = map[faults.Class]expectation{
	faults.Harmless:    {"0, 0", "0, 0", "0, 0", "0, 0", "0, 0"},
	faults.Down:        {"0, 5", "0, 5", "0, 5", "0, 5", "0, 5"},
	faults.Dead:        {"0, 5", "0, 5", "5, 5", "8, 8; 0, 5", "5, 5"},
	faults.Lost:        {"0, 5", "0, 5", "0, 5", "0 or 8, 8", "0, 8; 8, 8"},
	faults.Silent:      {"0, 5", "0, 5", "5, 5", "0 or 8, 8", "0, 8; 8, 8"},
	faults.Kept:        {"0 or 8, 0 or 8", "0, 0", "0, 0", "0 or 8, 0 or 8", "0 or 8, 0 or 8"},
	faults.Cut:         {"0, 5", "0, 5", "0, 5", "0, 0", "0, 0"},
	faults.Halting:     {"0, 5", "0, 5", "5, 5", "0, 0", "0, 0"},
	faults.Untyped:     {"0, 0; 6, 6", "0, 0", "0, 0", "0, 0", "0, 0"},
	faults.Garbled:     {"2, 2; 6, 6", "7, 7", "2, 2", "0, 0", "0, 0"},
	faults.Misplaced:   {"2, 2", "7, 7", "2, 2", "8, 8", "0, 8; 8, 8"},
	faults.Foreign:     {"2, 2", "2 or 3, 2", "2, 2", "8, 8", "0, 8; 8, 8"},
	faults.ForeignLate: {"2, 2", "2 or 3, 2", "2, 2", "0, 0", "0, 0"},
	faults.OddYes:      {"2, 2", "2 or 3, 2", "2, 2", "8, 8", "0, 8; 8, 8"},
	faults.Itself:      {"0, 2", "0, 2", "0, 2", "2 or 3, 2", "2, 2"},
	faults.Elsewhere:   {"2, 2", "2 or 3, 2", "2, 2", "2 or 3, 2", "2, 2"},
	faults.Refused:     {"6, 6", "3 or 6, 6", "6, 6", "3 or 6, 6", "6, 6"},
	faults.Missing:     {"2, 2", "3 or 6, 5 or 6", "6, 6", "3 or 6, 6", "6, 6"},
	faults.TooLarge:    {"6, 6", "3 or 6, 6", "6, 6", "3 or 6, 6", "0, 6"},
	faults.Slow:        {"0, 5", "0, 5", "0, 5", "8, 8", "0, 8; 8, 8"},
	faults.Failed:      {"5, 5", "3 or 5, 5", "5, 5", "3 or 5, 5", "0, 5"},
	faults.Gateway:     {"0, 5", "0, 5", "0, 5", "0, 5", "0, 8; 0, 5"},
	faults.Short:       {"5, 5; 5 or 6, 5 or 6", "7, 7", "5, 5", "0, 0", "0, 0"},
	faults.Flipped:     {"0, 0 or 7", "7, 7", "0, 0", "0, 0", "0, 0"},
	faults.Replaced:    {"2, 2", "7, 7", "2, 2", "0, 0", "0, 0"},
	// The second one may be taken for the answer to the next request, which is noticed.
	faults.Twice:        {"0 or 2 or 6 or 7 or 8, 0 or 2 or 6 or 7 or 8", "0 or 3 or 7, 0 or 7", "0 or 6, 0 or 6", "0 or 8, 0 or 8", "0 or 8, 0 or 8"},
	faults.Listing:      {"0 or 5 or 6, 2 or 5 or 7 or 8", "7, 7", "2, 2", "8, 8", "0, 8; 8, 8"},
	faults.Astray:       {"2, 2", "3, 5; 3, 2", "6, 6", "2 or 3, 2", "2, 2"},
	faults.BodyLost:     {"5, 5", "3 or 5, 5", "5, 5", "0, 5", "0, 5"},
	faults.Contradicted: {"4, 4", "3 or 5, 5", "5, 5; 4, 4", "3 or 5, 5", "0, 5"},
	faults.ProxyAuth:    {"2, 2", "2 or 3, 2", "2, 2", "2 or 3, 2", "2, 2"},
	faults.Denied:       {"4, 4", "3 or 4, 4", "4, 4", "3 or 4, 4", "4, 4"},
	faults.FailedLate:   {"5, 5", "3 or 5, 5", "5, 5", "0, 0", "0, 0"},
	faults.Full:         {"5, 5", "3 or 5, 5", "5, 5", "3 or 5, 5", "5, 5"},
	faults.Busy:         {"0, 5", "0, 5", "0, 5", "0, 5 or 8", "0, 5"},
	faults.Later:        {"5, 5", "3 or 5, 5", "5, 5", "3 or 5 or 8, 5", "5, 5"},
	faults.LaterSent:    {"5, 5", "3 or 5, 5", "5, 5", "8, 8", "8, 8"},
}

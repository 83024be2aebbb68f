package recorded

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Row is one row of a table of differences: how a server answers some requests
// otherwise than the recorded one, on purpose. What differs is its class.
type Row struct {
	class  string
	status int // 0 if the answers are alike but for what the class is about
	text   string
	names  []string // of the exchanges
}

// Answers is the row of exchanges that are answered with this status, and this
// text in it. Their names have blanks between.
func Answers(class string, status int, text, names string) Row {
	return Row{class, status, text, strings.Fields(names)}
}

// Alike is the row of exchanges whose answers are equal once Table.Alike has
// seen them.
func Alike(class, names string) Row { return Row{class: class, names: strings.Fields(names)} }

// Table judges answers: they are as recorded, or as a row says. It fails the
// test for a difference that no row has, and for a row that no longer differs.
type Table struct {
	t    testing.TB
	rows map[string]Row // by exchange, those that were not seen yet

	// Strict and Alike are those of Compare; Alike is for the rows of that kind.
	Strict []string
	Alike  func(Exchange, []byte) []byte

	equal   int
	differs map[string]int // by class
	skipped map[string]int // by reason
}

// NewTable makes a table of rows.
func NewTable(t testing.TB, rows []Row) *Table {
	t.Helper()
	table := &Table{t: t, rows: map[string]Row{}, differs: map[string]int{}, skipped: map[string]int{}}
	for _, row := range rows {
		for _, name := range row.names {
			if _, twice := table.rows[name]; twice {
				t.Errorf("%s stands twice in the table of differences", name)
			}
			table.rows[name] = row
		}
	}
	return table
}

// Skip counts an exchange that cannot be had here.
func (table *Table) Skip(e Exchange, why string) {
	table.skipped[why]++
	delete(table.rows, e.Name)
}

// Check judges an answer, and values learn from it.
func (table *Table) Check(e Exchange, got Answer, values Values) {
	table.t.Helper()
	plain := Compare{Strict: table.Strict}.Difference(e, got, values)
	row, listed := table.rows[e.Name]
	delete(table.rows, e.Name)
	if plain == "" {
		table.equal++
		if listed {
			table.t.Errorf("%s is in the table of differences and does not differ", e.Name)
		}
		return
	}
	if !listed {
		table.t.Errorf("%s (%s): %s", e.Name, e.About, plain)
		return
	}
	table.differs[row.class]++
	if row.status != 0 {
		if got.Status != row.status || !bytes.Contains(got.Body, []byte(row.text)) {
			table.t.Errorf("%s: %d %s, want %d with %q", e.Name, got.Status, short(got.Body), row.status, row.text)
		}
		return
	}
	if left := (Compare{Strict: table.Strict, Body: table.Alike}).Difference(e, got, values); left != "" {
		table.t.Errorf("%s: more differs than %q: %s", e.Name, row.class, left)
	}
}

// Classes are those that were seen.
func (table *Table) Classes() []string { return slices.Sorted(maps.Keys(table.differs)) }

// Report tells the figures in the test's log, and of rows that nothing was seen of.
func (table *Table) Report() {
	table.t.Helper()
	for _, name := range slices.Sorted(maps.Keys(table.rows)) {
		table.t.Errorf("%s is in the table of differences and was not asked for", name)
	}
	total := 0
	for _, class := range table.Classes() {
		table.t.Logf("%4d differ on purpose: %s", table.differs[class], class)
		total += table.differs[class]
	}
	for _, why := range slices.Sorted(maps.Keys(table.skipped)) {
		table.t.Logf("%4d skipped: %s", table.skipped[why], why)
	}
	table.t.Logf("%d exchanges equal, %d different on purpose", table.equal, total)
}

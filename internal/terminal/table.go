package terminal

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/engram-sync/engram-sync/internal/markdown"
	"github.com/engram-sync/engram-sync/internal/safetext"
)

// Row adds a row to a table: its format has a tab between columns.
type Row func(format string, cells ...any)

// Table prints a result whose text is rows in columns; header may be "". On a terminal it fits the lines: cells below a
// header are cut, or stand below each other, and where there is none the last column, which is sentences, goes on in
// the next line.
func (t *Terminal) Table(doc any, header string, fill func(Row)) error {
	return t.Result(doc, func(io.Writer) error {
		var rows [][]string
		if header != "" {
			rows = append(rows, strings.Split(header, "\t"))
		}
		fill(func(format string, cells ...any) {
			text := fmt.Sprintf(format, visible(cells)...)
			if header == "" {
				text = t.Typed(text)
			}
			rows = append(rows, strings.Split(text, "\t"))
		})
		if t.Stdout.IsTerminal() {
			rows = fit(rows, t.columns(), header != "")
		}
		tab := tabwriter.NewWriter(t.Stdout.Block(), 0, 0, gap, ' ', 0)
		for _, row := range rows {
			fmt.Fprintln(tab, strings.Join(row, "\t"))
		}
		return tab.Flush()
	})
}

const (
	gap      = 2  // between two columns
	leastCut = 8  // of a cell stays at least
	leastEnd = 20 // columns are left to sentences
)

// fit makes rows that take at most so many columns, if that can be.
func fit(rows [][]string, columns int, cut bool) [][]string {
	last := 0
	for _, row := range rows {
		last = max(last, len(row)-1)
	}
	wide := make([]int, last+1)
	for _, row := range rows {
		for i, cell := range row {
			if i < len(row)-1 || i == last { // the end of a shorter row is in no column
				wide[i] = max(wide[i], markdown.Width(cell))
			}
		}
	}
	all := -gap
	for _, w := range wide {
		all += w + gap
	}
	if all <= columns {
		return rows
	}
	if !cut {
		if left := columns - (all - wide[last]); left >= leastEnd {
			return wrapLast(rows, last, left)
		}
		return endsBelow(rows, last, columns)
	}
	for ; all > columns; all-- {
		widest := slices.Index(wide, slices.Max(wide))
		if wide[widest] <= leastCut {
			return fit(stacked(rows), columns, false)
		}
		wide[widest]--
	}
	for _, row := range rows {
		for i := range row {
			row[i] = markdown.Cut(row[i], wide[i])
		}
	}
	return rows
}

// stacked are rows for which there is no room side by side: each cell below the one before, behind its header.
func stacked(rows [][]string) (list [][]string) {
	for i, row := range rows[1:] {
		if i > 0 {
			list = append(list, nil)
		}
		for j, cell := range row {
			list = append(list, []string{rows[0][min(j, len(rows[0])-1)], cell})
		}
	}
	return list
}

// wrapLast lets the last column go on below itself.
func wrapLast(rows [][]string, last, columns int) [][]string {
	var wrapped [][]string
	for _, row := range rows {
		if len(row) <= last {
			wrapped = append(wrapped, row)
			continue
		}
		for i, line := range markdown.Wrap(row[last], columns) {
			if i > 0 {
				row = make([]string, last+1)
			}
			wrapped = append(wrapped, append(row[:last:last], line))
		}
	}
	return wrapped
}

// endsBelow are rows for whose last column there is no room: it stands below the others.
func endsBelow(rows [][]string, last, columns int) (list [][]string) {
	for _, row := range rows {
		indent := ""
		switch {
		case len(row) == 0:
			list = append(list, nil)
			continue
		case len(row) > last:
			list, indent = append(list, row[:last]), "  "
		}
		for _, line := range markdown.Wrap(row[len(row)-1], columns-len(indent)) {
			list = append(list, []string{indent + line})
		}
	}
	return list
}

// visible makes each text in a table one that keeps to its cell.
func visible(cells []any) []any {
	shown := slices.Clone(cells)
	for i, cell := range cells {
		if _, speaks := cell.(interface{ Error() string }); speaks || reflect.TypeOf(cell).Kind() == reflect.String {
			shown[i] = inCell.Replace(safetext.Escape(fmt.Sprint(cell)))
		}
	}
	return shown
}

var inCell = strings.NewReplacer("\n", `\n`, "\t", `\t`)

// When is a time of a result as it is shown: how long ago on a terminal, and as it was written with --verbose, elsewhere, and
// where it is no RFC 3339 time.
func (t *Terminal) When(text string) string {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Verbose || !t.Stdout.IsTerminal() {
		return text
	}
	return humanize.Time(at)
}

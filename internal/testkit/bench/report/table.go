package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/testkit/bench"
)

// scale is what a line of a table divides by, and the unit that it then has.
type scale struct {
	by   float64
	unit string
}

func scaleOf(unit bench.Unit, typical float64) scale {
	switch {
	case unit == bench.Bytes:
		return scale{1e6, " MB"}
	case unit == bench.Count || unit == bench.Rate:
		return scale{1, ""}
	case typical < 1e-3:
		return scale{1e-6, " µs"}
	case typical < 1:
		return scale{1e-3, " ms"}
	}
	return scale{1, " s"}
}

// number writes three digits that count, or more before the point.
func number(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v >= 1000:
		return thousands(int(math.Round(v)))
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

// cell writes a spread: the median, and the least and the most where they differ from it.
func cell(s bench.Spread, in scale) string {
	whole := func(v float64) string {
		if in.unit == "" && v == math.Trunc(v) {
			return thousands(int(v))
		}
		return number(v / in.by)
	}
	text := whole(s.Median) + in.unit
	if least, most := whole(s.Least), whole(s.Most); least != most {
		text += " (" + least + "–" + most + ")"
	}
	return text
}

// contestants are those of a row whose columns the table has.
func contestants(r bench.Result, before bool) []string {
	names := []string{bench.Now}
	if before {
		names = []string{bench.Before, bench.Now}
	}
	return append(names, r.Peers...)
}

// heads are the headings of the columns of some contestants: each that is not now has its ratio behind it.
func heads(names []string) []string {
	all := slices.Clone(names)
	for _, name := range names {
		if name != bench.Now {
			all = append(all, "now ÷ "+name)
		}
	}
	return all
}

// cells are a line of a table: a figure of all contestants in a case, and the ratios.
func cells(o bench.Outcome, names []string, f bench.Figure) []string {
	typical, ok := o.Of(bench.Now, f)
	if !ok {
		for _, name := range names {
			if other, known := o.Of(name, f); known {
				typical = other
			}
		}
	}
	in := scaleOf(f.Unit, typical.Median)
	var line []string
	for _, name := range names {
		s, ok := o.Of(name, f)
		switch {
		case ok:
			line = append(line, cell(s, in))
		case o.Failed[name] != nil:
			line = append(line, "failed")
		default:
			line = append(line, "")
		}
	}
	for _, name := range names {
		if name == bench.Now {
			continue
		}
		text := ""
		if s, ok := o.Ratio(bench.Now, name, f); ok {
			text = cell(s, scale{1, ""})
		}
		line = append(line, text)
	}
	return line
}

// table is a table in Markdown.
func table(lines [][]string) string {
	var b strings.Builder
	for i, line := range lines {
		for _, cell := range line {
			b.WriteString(strings.TrimRight("| "+cell, " ") + " ")
		}
		b.WriteString("|\n")
		if i == 0 {
			b.WriteString("|" + strings.Repeat("---|", len(line)) + "\n")
		}
	}
	return b.String()
}

// rowTable is the table of a row.
func rowTable(r bench.Result, before bool) string {
	names := contestants(r, before)
	lines := [][]string{append([]string{"size", "figure"}, heads(names)...)}
	for i, o := range r.Outcomes {
		size := r.Cases[i].Name
		for _, f := range r.Figures {
			lines = append(lines, append([]string{size, f.Name}, cells(o, names, f)...))
			size = ""
		}
	}
	return table(lines)
}

// summary is the table of all rows: the headline of each.
func summary(results []bench.Result, before bool) string {
	head := []string{"what", "figure", "now"}
	if before {
		head = append(head, "before", "now ÷ before")
	}
	lines := [][]string{append(head, "beside", "", "now ÷ that")}
	for _, r := range results {
		lines = append(lines, summaryLines(r, before)...)
	}
	return table(lines)
}

// summaryLines are those of one row: one for each peer that has the headline, but one at least.
func summaryLines(r bench.Result, before bool) [][]string {
	o, size := headline(r)
	f := r.Figures[0]
	own := cells(o, []string{bench.Now, bench.Before}, f)
	line := []string{fmt.Sprintf("[%s](#%s), %s", r.Title, anchor(r.Title), size), f.Name, own[0]}
	if before {
		line = append(line, own[1], own[2])
	}
	var lines [][]string
	for _, peer := range r.Peers {
		beside := cells(o, []string{bench.Now, peer}, f)
		if beside[1] == "" {
			continue
		}
		lines = append(lines, append(line, peer, beside[1], beside[2]))
		line = make([]string, len(line)) // said once
	}
	if lines == nil {
		lines = append(lines, append(line, "", "", ""))
	}
	return lines
}

func headline(r bench.Result) (bench.Outcome, string) {
	for i, c := range r.Cases {
		if c.Name == r.Headline {
			return r.Outcomes[i], c.Name
		}
	}
	last := len(r.Cases) - 1
	return r.Outcomes[last], r.Cases[last].Name
}

// growth says in a sentence how the cost of one grows with their number.
func growth(r bench.Result, before bool) string {
	g := r.Growth
	if g == nil {
		return ""
	}
	var parts []string
	for _, name := range contestants(r, before) {
		from, ok := r.Outcomes[g.From].Of(name, g.Figure)
		to, also := r.Outcomes[g.To].Of(name, g.Figure)
		if ok && also && from.Median > 0 {
			parts = append(parts, fmt.Sprintf("%s times (%s)", number(to.Median/from.Median), name))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("%s at %s, compared with %s: %s.", g.Figure.Name, r.Cases[g.To].Name, r.Cases[g.From].Name, strings.Join(parts, ", "))
}

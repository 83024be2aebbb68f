package report

import (
	"encoding/xml"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/testkit/bench"
)

// The picture, in pixels: its size, and the margins around the field.
const (
	width, height            = 680, 360
	left, right, top, bottom = 72, 150, 40, 52
)

// point is a spread at a place.
type point struct {
	x float64
	y bench.Spread
}

// line is the points of one contestant.
type line struct {
	name   string
	points []point
}

// linesOf are the lines of a plot: of the contestants that have at least two points.
func linesOf(r bench.Result, before bool) []line {
	var lines []line
	for _, name := range contestants(r, before) {
		l := line{name: name}
		for i, o := range r.Outcomes {
			if s, ok := o.Of(name, r.Plot.Figure); ok && s.Least > 0 {
				l.points = append(l.points, point{r.Cases[i].X, s})
			}
		}
		if len(l.points) > 1 {
			lines = append(lines, l)
		}
	}
	return lines
}

// axis maps values to pixels, both as their logarithms.
type axis struct{ from, to, least, most float64 }

func (a axis) at(v float64) float64 {
	if a.most == a.least {
		return (a.from + a.to) / 2
	}
	return a.from + (a.to-a.from)*(math.Log(v)-math.Log(a.least))/(math.Log(a.most)-math.Log(a.least))
}

// ticks are the round values on an axis: 1, 2 and 5 of each power of ten, or only 1 if those are enough.
func (a axis) ticks() []float64 {
	var tens, all []float64
	for e := math.Floor(math.Log10(a.least)); e <= math.Ceil(math.Log10(a.most)); e++ {
		for _, m := range []float64{1, 2, 5} {
			v := m * math.Pow(10, e)
			if v < a.least*0.999 || v > a.most*1.001 {
				continue
			}
			all = append(all, v)
			if m == 1 {
				tens = append(tens, v)
			}
		}
	}
	if len(tens) >= 3 {
		return tens
	}
	return all
}

// look is how a line is drawn: lines differ in colour, dash and mark, so that no colour is needed to tell them.
type look struct{ class, dash, mark string }

// The marks are paths around a point.
var (
	nowLook    = look{"now", "none", "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0"}
	beforeLook = look{"before", "7 4", "m-3.5-3.5h7v7h-7z"}
	peerLooks  = []look{{"peer", "2 4", "m0-4.5l4.5 8h-9z"}, {"other", "10 3 2 3", "m0-5l4 5-4 5-4-5z"}}
)

func lookOf(r bench.Result, name string) look {
	switch name {
	case bench.Now:
		return nowLook
	case bench.Before:
		return beforeLook
	}
	return peerLooks[slices.Index(r.Peers, name)%len(peerLooks)]
}

const style = `text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.grid { stroke: #8c959f; stroke-opacity: .35 }
.line { stroke-width: 2; fill-opacity: 0 }
.now { stroke: #0969da; fill: #0969da } .before { stroke: #9a6700; fill: #9a6700 }
.peer { stroke: #57606a; fill: #57606a } .other { stroke: #8250df; fill: #8250df }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.now { stroke: #58a6ff; fill: #58a6ff } .before { stroke: #d29922; fill: #d29922 }
.peer { stroke: #9ea7b3; fill: #9ea7b3 } .other { stroke: #bc8cff; fill: #bc8cff }
}
`

// picture draws the plot of a row, or gives "" where there are too few points.
func picture(r bench.Result, before bool) string {
	lines := linesOf(r, before)
	if len(lines) == 0 {
		return ""
	}
	x, y, in := axes(lines, r.Plot.Figure.Unit)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" role="img" aria-labelledby="title words">`+"\n", width, height, width)
	fmt.Fprintf(&b, "<title id=\"title\">%s</title>\n<desc id=\"words\">%s</desc>\n<style>\n%s</style>\n",
		escaped(r.Plot.Title), escaped(words(r, lines, in)), style)
	fmt.Fprintf(&b, `<text class="title" x="%d" y="22">%s</text>`+"\n", left, escaped(r.Plot.Title))
	drawAxes(&b, x, y, in, r.Plot.Across)
	labels := apart(lines, y)
	for i, l := range lines {
		drawLine(&b, l, lookOf(r, l.name), x, y, labels[i])
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// axes hold all points, and a little room.
func axes(lines []line, unit bench.Unit) (x, y axis, in scale) {
	x = axis{left + 10, width - right, math.Inf(1), 0}
	y = axis{height - bottom, top, math.Inf(1), 0}
	for _, l := range lines {
		for _, p := range l.points {
			x.least, x.most = min(x.least, p.x), max(x.most, p.x)
			y.least, y.most = min(y.least, p.y.Least), max(y.most, p.y.Most)
		}
	}
	in = scaleOf(unit, math.Sqrt(y.least*y.most))
	y.least, y.most = y.least/1.3, y.most*1.3
	return x, y, in
}

func drawAxes(b *strings.Builder, x, y axis, in scale, across string) {
	for _, v := range (axis{0, 0, y.least / in.by, y.most / in.by}).ticks() {
		at := y.at(v * in.by)
		fmt.Fprintf(b, `<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, at, width-right+10, at, left-8, at+4, short(v)+in.unit)
	}
	for _, v := range x.ticks() {
		at := x.at(v)
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n",
			at, top, at, height-bottom, at, height-bottom+18, short(v))
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", (left+width-right)/2, height-10, escaped(across))
}

// short writes a round number.
func short(v float64) string {
	if v >= 1000 {
		return thousands(int(math.Round(v)))
	}
	return fmt.Sprintf("%.4g", v)
}

func drawLine(b *strings.Builder, l line, as look, x, y axis, label float64) {
	var path []string
	for _, p := range l.points {
		path = append(path, fmt.Sprintf("%.1f,%.1f", x.at(p.x), y.at(p.y.Median)))
	}
	fmt.Fprintf(b, `<polyline class="line %s" stroke-dasharray="%s" points="%s"/>`+"\n", as.class, as.dash, strings.Join(path, " "))
	for _, p := range l.points {
		at := x.at(p.x)
		fmt.Fprintf(b, `<path class="%s" d="M%.1f %.1fV%.1fM%.1f %.1f%s"/>`+"\n", as.class, at, y.at(p.y.Least), y.at(p.y.Most), at, y.at(p.y.Median), as.mark)
	}
	fmt.Fprintf(b, `<text x="%d" y="%.1f">%s</text>`+"\n", width-right+16, label+4, escaped(l.name))
}

// apart are the places of the names beside the last points, moved so that none covers another.
func apart(lines []line, y axis) []float64 {
	const room = 17
	places := make([]float64, len(lines))
	for i, l := range lines {
		places[i] = y.at(l.points[len(l.points)-1].y.Median)
	}
	for moved, rounds := true, 0; moved && rounds < 50; rounds++ {
		moved = false
		for i := range places {
			for j := range i {
				if d := places[i] - places[j]; math.Abs(d) < room {
					shift := (room - math.Abs(d)) / 2
					if d < 0 {
						shift = -shift
					}
					places[i] += shift
					places[j] -= shift
					moved = true
				}
			}
		}
	}
	return places
}

// words say what the picture shows to who does not see it.
func words(r bench.Result, lines []line, in scale) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Both axes are logarithmic: %s across, %s upwards. Medians, with the least and the most of the runs as bars.", r.Plot.Across, r.Plot.Figure.Name)
	for _, l := range lines {
		fmt.Fprintf(&b, " %s:", l.name)
		for i, p := range l.points {
			if i > 0 {
				b.WriteString(",")
			}
			fmt.Fprintf(&b, " %s: %s", short(p.x), number(p.y.Median/in.by)+in.unit)
		}
		b.WriteString(".")
	}
	return b.String()
}

func escaped(text string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(text)); err != nil {
		panic(err) // a Builder takes everything
	}
	return b.String()
}

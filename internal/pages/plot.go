package pages

import (
	"time"

	"github.com/engram-sync/engram-sync/internal/memoryindex"
)

// plot is how much was written when: memories and what else there is upwards, chunks downwards, a bar for each day, week, month
// or year. Its SVG is stretched to its place, and has no text of its own.
type plot struct {
	Unit     string
	Last     string // day of all bars
	Most     int    // rows of one bar
	MostOf   int    // chunks of one bar
	Series   []series
	Bars     []bar
	Elsewhen int // that is not in it: without a time, or far from all others
	Rows     int
	Chunks   int
}

// series is a kind that a bar is made of.
type series struct {
	Kind, One, Name string
	N               int
}

// bar is one of the plot. X, Wide and the heights of its parts are in units of the picture.
type bar struct {
	From, To string // days, both within
	X, Wide  int
	Parts    []part
	Down     part
	Counts   []int // as the series
	Rows     int
	Chunks   int
	Link     string // to what is of its time
}

type part struct {
	Kind    string
	Y, High int
}

// The picture. Bars grow up and down from the line at upward.
const (
	plotWide = 1200
	upward   = 200
	downward = 60
	maxBars  = 60
	// fewestDays is how many there are, so that one alone is not all of the picture.
	fewestDays = 14
)

// plotted are the series, from the line upwards.
var plotted = []series{{Kind: "observation", One: "memory", Name: "memories"}, {Kind: "prompt", One: "prompt", Name: "prompts"}, {Kind: "session", One: "session", Name: "sessions"},
	{Kind: "relation", One: "relation", Name: "relations"}, {Kind: memoryindex.KindOther, One: "other", Name: "other"}}

// unit is what a bar is about.
type unit struct {
	name  string
	start func(day time.Time) time.Time // of the bar that has this day
	next  func(start time.Time) time.Time
}

var units = []unit{
	{"day", func(d time.Time) time.Time { return d }, func(d time.Time) time.Time { return d.AddDate(0, 0, 1) }},
	{"week", func(d time.Time) time.Time { return d.AddDate(0, 0, -(int(d.Weekday())+6)%7) }, func(d time.Time) time.Time { return d.AddDate(0, 0, 7) }},
	{"month", func(d time.Time) time.Time { return d.AddDate(0, 0, 1-d.Day()) }, func(d time.Time) time.Time { return d.AddDate(0, 1, 0) }},
	{"year", func(d time.Time) time.Time { return d.AddDate(0, 0, 1-d.YearDay()) }, func(d time.Time) time.Time { return d.AddDate(1, 0, 0) }},
}

const secondsOfDay = 86400

func date(day int64) time.Time { return time.Unix(day*secondsOfDay, 0).UTC() }

// newPlot makes the plot, nil where there is nothing to show. What is behind tomorrow, or more than 60 years ago, is not in it.
func newPlot(counts []memoryindex.Count, now time.Time) *plot {
	tomorrow := now.Unix()/secondsOfDay + 1
	var first, last int64
	inside := func(c memoryindex.Count) bool { return c.Day > 0 && c.Day <= tomorrow }
	for _, c := range counts {
		if inside(c) && (first == 0 || c.Day < first) {
			first = c.Day
		}
		if inside(c) {
			last = max(last, c.Day)
		}
	}
	if first == 0 {
		return nil
	}
	first = min(first, last-fewestDays+1)
	var u unit
	for _, u = range units {
		bars := 0
		for at := u.start(date(first)); bars <= maxBars && !at.After(date(last)); at = u.next(at) {
			bars++
		}
		if bars <= maxBars {
			break
		}
	}
	p := &plot{Unit: u.name}
	at := map[string]int{} // the bar that has a start
	for start := u.start(date(first)); !start.After(date(last)) && len(p.Bars) < maxBars; start = u.next(start) {
		at[start.Format(time.DateOnly)] = len(p.Bars)
		p.Bars = append(p.Bars, bar{From: start.Format(time.DateOnly), To: u.next(start).AddDate(0, 0, -1).Format(time.DateOnly), Counts: make([]int, len(plotted))})
	}
	p.count(counts, inside, func(day int64) (int, bool) {
		i, ok := at[u.start(date(day)).Format(time.DateOnly)]
		return i, ok
	})
	p.Last = p.Bars[len(p.Bars)-1].To
	p.draw()
	return p
}

// count gives each bar what is of its time.
func (p *plot) count(counts []memoryindex.Count, inside func(memoryindex.Count) bool, barOf func(day int64) (int, bool)) {
	p.Series = append(p.Series, plotted...)
	for _, c := range counts {
		i, ok := barOf(c.Day)
		if !ok || !inside(c) {
			p.Elsewhen += c.N
			continue
		}
		if c.Kind == memoryindex.KindChunk {
			p.Bars[i].Chunks += c.N
			p.Chunks += c.N
			continue
		}
		for k := range plotted {
			if plotted[k].Kind == c.Kind {
				p.Bars[i].Counts[k] += c.N
				p.Series[k].N += c.N
				p.Bars[i].Rows += c.N
				p.Rows += c.N
			}
		}
	}
	for i := range p.Bars {
		p.Most, p.MostOf = max(p.Most, p.Bars[i].Rows), max(p.MostOf, p.Bars[i].Chunks)
	}
}

// draw gives bars their place.
func (p *plot) draw() {
	pitch := plotWide / len(p.Bars)
	for i := range p.Bars {
		b := &p.Bars[i]
		b.X, b.Wide = plotWide-(len(p.Bars)-i)*pitch+pitch/10, pitch-pitch/5
		below := 0 // rows
		for k, n := range b.Counts {
			if n == 0 {
				continue
			}
			from, to := below*upward/p.Most, (below+n)*upward/p.Most
			below += n
			b.Parts = append(b.Parts, part{plotted[k].Kind, upward - to, max(to-from, 1)})
		}
		if b.Chunks > 0 {
			b.Down = part{memoryindex.KindChunk, upward + 3, max(b.Chunks*(downward-3)/p.MostOf, 2)}
		}
	}
}

// Package bench compares engram-sync as it is with what it was, with a stand-in for the reference
// client, and with the bare work. A row says what is compared; a run lets the contestants take turns; a
// report makes pages of what they took. scripts/bench puts them together, and documents itself in
// docs/performance.md.
package bench

import "context"

// Unit says how figures are written.
type Unit int

// The units.
const (
	Seconds Unit = iota
	Bytes
	Count
	Rate // a second: more is better
)

// Figure is something that is measured.
type Figure struct {
	Name string
	Unit Unit
}

// Sample is what one run of a contestant took.
type Sample map[Figure]float64

// The contestants that are engram-sync. The others are peers, with names of their own.
const (
	Before = "before"
	Now    = "now"
)

// Contestant is one that takes part.
type Contestant struct {
	Name string
	// Run runs it once, from nothing, and fails unless what had to happen did.
	Run func(ctx context.Context) (Sample, error)
}

// Contest is what takes turns in a case.
type Contest struct {
	Contestants []Contestant // none where nothing can be measured
	// Close takes away what the case alone needed; nil does nothing.
	Close func()
}

// Case is one size of a row.
type Case struct {
	Name string
	X    float64 // its place in the plot
	Open func(ctx context.Context) (Contest, error)
}

// Row is one thing that is compared, in one or several sizes.
type Row struct {
	Name    string // chooses it on the command line
	Title   string
	About   string   // what is measured, and what is not; Markdown
	Figures []Figure // in the order of the table; the first is the headline
	Peers   []string // the contestants beside engram-sync
	Cases   []Case
	Runs    int // of each contestant; 0 is what the command line says
	// Headline names the case that stands for the row in the summary; "" is the last.
	Headline string
	Growth   *Growth
	Plot     *Plot
}

// Growth compares two cases of a row: how the cost of one grows with their number.
type Growth struct {
	Figure   Figure
	From, To int // cases
}

// Plot is a picture of a row: a line for each contestant.
type Plot struct {
	Name   string // of the file
	Title  string
	Across string // what X is
	Figure Figure
}

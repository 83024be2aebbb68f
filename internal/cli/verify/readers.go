package verify

import (
	"fmt"
	"maps"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/readers"
	"github.com/engram-sync/engram-sync/internal/verification"
)

// parseReaders reads the generations that were named, at least one if any was asked for.
func parseReaders(names []string, asked bool) (named []engram.Generation, err error) {
	if asked && len(names) == 0 {
		names = []string{""}
	}
	for _, name := range names {
		g, err := engram.ParseGeneration(name)
		if err != nil {
			return nil, fmt.Errorf("--for: %w", err)
		}
		named = append(named, g)
	}
	return named, nil
}

// readBy is what readers of a directory do, in JSON mode.
type readBy struct {
	Problem readers.Problem `json:"problem,omitempty"`
	Readers []readerEffect  `json:"readers,omitempty"`
	Hint    string          `json:"hint,omitempty"` // what can be done about it
}

type readerEffect struct {
	Generation string         `json:"generation"`
	Effect     readers.Effect `json:"effect"`
}

func newReadBy(f verification.Finding) readBy {
	if f.Reader == nil {
		return readBy{}
	}
	r := readBy{Problem: f.Reader.Problem, Hint: f.Reader.Problem.Remedy()}
	for _, g := range slices.Sorted(maps.Keys(f.Reader.Effects)) {
		r.Readers = append(r.Readers, readerEffect{g.String(), f.Reader.Effects[g]})
	}
	return r
}

package engram_test

import (
	"slices"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Times that nanoseconds cannot count keep their place among the others.
func TestInstantsAreInOrder(t *testing.T) {
	var instants []int64
	for _, at := range []string{"0099-01-01 00:00:00", "1969-12-31 00:00:00", "2026-11-28 09:00:00", "2262-01-01 00:00:00", "3000-01-01 00:00:00"} {
		instants = append(instants, engram.Instant(at))
	}
	if !slices.IsSorted(instants) {
		t.Errorf("not in order: %d", instants)
	}
}

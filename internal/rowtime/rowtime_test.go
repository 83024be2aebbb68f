package rowtime_test

import (
	"slices"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/rowtime"
)

// FuzzParse: a time reads as the standard library reads it.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"2026-11-22 09:15:00", "2024-02-29 23:59:59", "2023-02-29 00:00:00", "2026-13-01 00:00:00", "2026-00-10 00:00:00", "2026-01-00 00:00:00",
		"2026-01-01 24:00:00", "2026-01-01 00:60:00", "2026-01-01 00:00:60", "0000-01-01 00:00:00", "2026-01-01T00:00:00Z", "2026-01-01 0a:00:00", "2026/01/01 00:00:00",
		"2026-11-22 09:15:00.5", "2026-01-01 1:00:00", "", "2026-11-22T09:15:00+02:00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, err := time.Parse("2006-01-02 15:04:05", text)
		if err != nil {
			want, _ = time.Parse(time.RFC3339, text)
		}
		if got := rowtime.Parse(text); !got.Equal(want) {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	})
}

// Times that nanoseconds cannot count keep their place among the others.
func TestInstantsAreInOrder(t *testing.T) {
	var instants []int64
	for _, at := range []string{"0099-01-01 00:00:00", "1969-12-31 00:00:00", "2026-11-28 09:00:00", "2262-01-01 00:00:00", "3000-01-01 00:00:00"} {
		instants = append(instants, rowtime.Instant(at))
	}
	if !slices.IsSorted(instants) {
		t.Errorf("not in order: %d", instants)
	}
}

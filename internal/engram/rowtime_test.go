package engram_test

import (
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// FuzzRowTime: a time reads as the standard library reads it.
func FuzzRowTime(f *testing.F) {
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
		if got := engram.RowTime(text); !got.Equal(want) {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	})
}

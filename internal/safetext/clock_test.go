package safetext_test

import (
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/safetext"
)

func TestClock(t *testing.T) {
	now := time.Date(2026, 11, 28, 0, 30, 0, 0, time.Local)
	for _, c := range []struct {
		ago  time.Duration
		want string
	}{
		{0, "00:30:00"},
		{-time.Hour, "01:30:00"},
		{time.Hour, "2026-11-27 23:30:00"},
		{-24 * time.Hour, "2026-11-29 00:30:00"},
		{365 * 24 * time.Hour, "2025-11-28 00:30:00"},
	} {
		if got := safetext.Clock(now.Add(-c.ago), now); got != c.want {
			t.Errorf("%v ago: %s, want %s", c.ago, got, c.want)
		}
	}
}

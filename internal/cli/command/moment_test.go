package command

import (
	"testing"
	"time"
)

func TestReadTime(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 30, 0, 0, time.UTC)
	for text, want := range map[string][2]string{ // as --since, as --until
		"2026-10-01":                {"2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z"},
		"2026-10-01 08:00:00":       {"2026-10-01T08:00:00Z", "2026-10-01T08:00:00Z"},
		"2026-10-01T08:00:00+02:00": {"2026-10-01T06:00:00Z", "2026-10-01T06:00:00Z"},
		"7d":                        {"2026-11-22T12:30:00Z", "2026-11-22T12:30:00Z"},
		"2w":                        {"2026-11-15T12:30:00Z", "2026-11-15T12:30:00Z"},
		"36h":                       {"2026-11-28T00:30:00Z", "2026-11-28T00:30:00Z"},
		"":                          {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		"yesterday":                 {}, "-7d": {}, "d": {}, "-1h": {}, "2026-13-01": {}, "99999999999999d": {}, "200000d": {},
	} {
		for i, end := range []bool{false, true} {
			got, err := ReadTime(text, now, end)
			if (err != nil) != (want[i] == "") || err == nil && got.UTC().Format(time.RFC3339) != want[i] {
				t.Errorf("%q (end: %t): %v, %v; want %q", text, end, got, err, want[i])
			}
		}
	}
}

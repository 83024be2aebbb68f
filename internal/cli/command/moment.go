package command

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxAgo is how many days back one can ask for: more would be no time.
const maxAgo = 100_000

// ReadTime understands a date, an RFC 3339 time, or how long before now it was: 7d, 2w, 36h. A date is its
// beginning, or with end its end; "" is the zero time. The error says what is understood.
func ReadTime(text string, now time.Time, end bool) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		if end {
			day = day.AddDate(0, 0, 1)
		}
		return day, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	for unit, days := range map[string]int{"d": 1, "w": 7} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			if n, err := strconv.Atoi(number); err == nil && n >= 0 && n*days <= maxAgo {
				return now.AddDate(0, 0, -n*days), nil
			}
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	return time.Time{}, fmt.Errorf("%.40q is no time: give a date as 2026-10-01, an RFC 3339 time, or how long ago as 7d, 2w, 36h", text)
}

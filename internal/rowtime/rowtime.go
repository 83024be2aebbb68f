// Package rowtime reads times as engram writes them in rows, and says which of two is later.
package rowtime

import (
	"math"
	"time"
)

// layout is UTC, without a zone.
const layout = "2006-01-02 15:04:05"

// Nanos is how 3.x writes them, for time.Format. Source: engram-2.md 1.
const Nanos = layout + ".000000000"

// Parse reads a time as engram writes it, or as servers do; the zero time if
// it is neither.
func Parse(t string) time.Time {
	if parsed, ok := plainTime(t); ok {
		return parsed
	}
	for _, written := range []string{layout, time.RFC3339} {
		if parsed, err := time.Parse(written, t); err == nil {
			return parsed
		}
	}
	return time.Time{}
}

// plainTime reads a time as most are written: chunks have two of them in each row.
func plainTime(t string) (time.Time, bool) {
	if len(t) != len(layout) {
		return time.Time{}, false
	}
	var fields [6]int // of the layout
	at := 0
	for i := range len(t) {
		switch c := layout[i]; {
		case c < '0' || c > '9':
			if t[i] != c {
				return time.Time{}, false
			}
			at++
		case t[i] < '0' || t[i] > '9':
			return time.Time{}, false
		default:
			fields[at] = fields[at]*10 + int(t[i]-'0')
		}
	}
	year, month, day, hour, minute, second := fields[0], time.Month(fields[1]), fields[2], fields[3], fields[4], fields[5]
	parsed := time.Date(year, month, day, hour, minute, second, 0, time.UTC)
	// What is out of its range would be another time.
	return parsed, parsed.Month() == month && parsed.Day() == day && hour < 24 && minute < 60 && second < 60
}

// Instant is a time in nanoseconds since 1970; 0 if it is none. One that is too far away
// for that is the farthest that is not: else the year 3000 would be before all others.
func Instant(t string) int64 {
	const farthest = math.MaxInt64 - 1 // which has a moment behind it
	switch parsed := Parse(t); {
	case parsed.IsZero():
		return 0
	case parsed.After(time.Unix(0, farthest)):
		return farthest
	case parsed.Before(time.Unix(0, -farthest)):
		return -farthest
	default:
		return parsed.UnixNano()
	}
}

// Later says whether a moment is certainly behind another. A whole second is
// written by releases that count in seconds, and is any moment of it. 0 is no
// moment. Source: engram-2.md 7, rule 20.
func Later(a, b int64) bool {
	if b != 0 && b%int64(time.Second) == 0 {
		b += int64(time.Second) - 1
	}
	return a > b
}

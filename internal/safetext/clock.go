package safetext

import "time"

// Clock is a time for people, who know what day it is: the day stands with it where it
// is another one.
func Clock(at, now time.Time) string {
	at, now = at.Local(), now.Local()
	if at.Year() == now.Year() && at.YearDay() == now.YearDay() {
		return at.Format(time.TimeOnly)
	}
	return at.Format(time.DateTime)
}

package limits

import (
	"testing"
	"testing/synctest"
	"time"
)

// Long work rests as long as it works while others come as well, and not at all when nobody does.
func TestLongWorkMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(4, 2, 1)
		leave, err := turns.Take(t.Context(), "long")
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
		// rested is how long the step behind so much work takes.
		pace := turns.Pace("long")
		rested := func(work time.Duration) time.Duration {
			<-time.After(work)
			began := time.Now()
			pace.Step(t.Context())
			return time.Since(began)
		}
		if got := rested(time.Minute); got != 0 {
			t.Errorf("alone it rests for %s", got)
		}
		end, err := turns.Take(t.Context(), "other")
		if err != nil {
			t.Fatal(err)
		}
		end()
		if a, b, c := rested(time.Millisecond), rested(5*time.Millisecond), rested(500*time.Millisecond); a != 0 || b != 6*time.Millisecond || c != rest {
			t.Errorf("beside another it rests for %s, %s and %s", a, b, c)
		}
		pace = turns.Pace("long")
		<-time.After(30 * time.Millisecond)
		left := make(chan time.Time)
		go pace.Leave(func() { left <- time.Now() })
		if got := time.Until(<-left); got != 0 || time.Since(pace.began) != 60*time.Millisecond {
			t.Errorf("it leaves after %s", time.Since(pace.began))
		}
		if got := rested(lately); got != 0 {
			t.Errorf("alone again it rests for %s", got)
		}
	})
}

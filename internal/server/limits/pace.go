package limits

import (
	"context"
	"time"
)

const (
	// slice is how long work goes on without a rest, and rest the longest that it takes.
	slice, rest = 2 * time.Millisecond, 100 * time.Millisecond
	// lately is how long somebody counts who was there.
	lately = time.Second
)

// Pace is that of long work of a party of Turns: as long as others come as well, it rests as long as it works, so that
// it takes half of a processor at most. It is for one goroutine.
type Pace struct {
	turns *Turns
	name  string
	began time.Time // of what was done without a rest
}

// Pace begins work of a party.
func (t *Turns) Pace(name string) *Pace { return &Pace{t, name, time.Now()} }

// Step comes between two pieces of the work, each of them short.
func (p *Pace) Step(ctx context.Context) {
	worked := time.Since(p.began)
	if worked < slice {
		return
	}
	if p.turns.othersLately(p.name) {
		wait := time.NewTimer(min(worked, rest))
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
		}
	}
	p.began = time.Now()
}

// Leave is for the end of work in a turn that a party has of its own: it comes after as long a rest.
func (p *Pace) Leave(leave func()) {
	if !p.turns.othersLately(p.name) {
		leave()
		return
	}
	time.AfterFunc(min(time.Since(p.began), rest), leave)
}

// visit is when a party was there.
type visit struct {
	name string
	at   time.Time
}

// note remembers who is there. t is locked.
func (t *Turns) note(name string) {
	if t.visits[0].name != name {
		t.visits[1] = t.visits[0]
	}
	t.visits[0] = visit{name, time.Now()}
}

// othersLately says whether another party than this one has begun or ended something lately.
func (t *Turns) othersLately(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	other := t.visits[0]
	if other.name == name {
		other = t.visits[1]
	}
	return time.Since(other.at) < lately
}

package httplayer

import (
	"context"
	"sync"
	"time"
)

// lanes bound how many attempts are under way at once, once the server or something
// before it shows that they are too many: each such sign halves the bound, each good
// answer widens it a little, up to where it bounds nothing any more.
type lanes struct {
	mu       sync.Mutex
	width    float64 // 0 is no bound
	going    int
	most     int       // that ever went at once
	narrowed time.Time // the last time
	waiting  []chan struct{}
}

type laneKey struct{}

// enter waits for a lane, which leave gives back. A request that is made for the sake
// of another one, such as the exchange of a token, goes in the lane of that.
func (l *lanes) enter(ctx context.Context) (inLane context.Context, leave func(), err error) {
	if ctx.Value(laneKey{}) != nil {
		return ctx, func() {}, nil
	}
	inLane = context.WithValue(ctx, laneKey{}, true)
	l.mu.Lock()
	if l.open() {
		l.take()
		l.mu.Unlock()
		return inLane, l.leave, nil
	}
	turn := make(chan struct{})
	l.waiting = append(l.waiting, turn)
	l.mu.Unlock()
	select {
	case <-turn:
		return inLane, l.leave, nil
	case <-ctx.Done():
		l.giveUp(turn)
		return ctx, nil, context.Cause(ctx)
	}
}

func (l *lanes) open() bool { return l.width == 0 || l.going < int(l.width) }

func (l *lanes) take() {
	l.going++
	l.most = max(l.most, l.going)
}

func (l *lanes) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.going--
	l.admit()
}

// admit lets those in for whom there is a lane, who came first first.
func (l *lanes) admit() {
	for len(l.waiting) > 0 && l.open() {
		l.take()
		close(l.waiting[0])
		l.waiting = l.waiting[1:]
	}
}

// giveUp is for one who does not want to wait any longer.
func (l *lanes) giveUp(turn chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, other := range l.waiting {
		if other == turn {
			l.waiting = append(l.waiting[:i:i], l.waiting[i+1:]...)
			return
		}
	}
	l.going-- // its turn came at the same moment
	l.admit()
}

// narrow is for an attempt that was too much. Those that were under way when the bound
// was last halved say nothing new.
func (l *lanes) narrow(began time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !began.After(l.narrowed) {
		return
	}
	width := float64(l.going)
	if l.width > 0 {
		width = min(width, l.width)
	}
	l.width, l.narrowed = max(1, width/2), time.Now()
}

// widen is for a good answer: four times as many of them as there are lanes make one more.
func (l *lanes) widen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.width == 0 {
		return
	}
	if l.width += 0.25 / l.width; l.width >= float64(l.most) {
		l.width = 0
	}
	l.admit()
}

// Package limits keeps one client of the account server from taking what is for all: how much
// of something goes at once, how often, and who a client is. internal/server asks it, and it
// knows nothing of what is limited.
package limits

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// ErrBusy says that too many wait already. Whoever is told so may come again.
var ErrBusy = errors.New("too many requests are waiting")

// Turns lets only so many go at once: each party only a part of them, and when more want to,
// the parties in turn, so that one who asks for much delays itself. It is safe for concurrent use.
type Turns struct {
	all, each   int // that go at once
	mayWait     int // of a party
	mayWaitEver int // of all

	mu      sync.Mutex
	going   int
	waiting int
	parties map[string]*party
	line    []*party // those that wait, the next one first
	visits  [2]visit // the last two of different parties, the later first
}

type party struct {
	name    string
	going   int
	waiting []chan struct{} // each closed when its turn has come
}

// NewTurns makes Turns of which all go at once, each at most of one party. Of a party as many may
// wait as mayWait says, and eight times as many of all.
func NewTurns(all, each, mayWait int) *Turns {
	return &Turns{all: all, each: each, mayWait: mayWait, mayWaitEver: 8 * mayWait, parties: map[string]*party{}}
}

// Take waits for a turn of a party, which lasts until leave is called, once. The error is ErrBusy,
// or that of ctx.
func (t *Turns) Take(ctx context.Context, name string) (leave func(), err error) {
	t.mu.Lock()
	t.note(name)
	p := t.parties[name]
	if p == nil {
		p = &party{name: name}
		t.parties[name] = p
	}
	if t.going < t.all && p.going < t.each { // then nobody waits who could go
		t.begin(p)
		t.mu.Unlock()
		return func() { t.leave(p) }, nil
	}
	if len(p.waiting) >= t.mayWait || t.waiting >= t.mayWaitEver {
		t.forget(p)
		t.mu.Unlock()
		return nil, ErrBusy
	}
	turn := make(chan struct{})
	if len(p.waiting) == 0 {
		t.line = append(t.line, p)
	}
	p.waiting = append(p.waiting, turn)
	t.waiting++
	t.mu.Unlock()
	select {
	case <-turn:
	case <-ctx.Done():
		if t.giveUp(p, turn) {
			return nil, ctx.Err()
		}
	}
	return func() { t.leave(p) }, nil
}

// giveUp takes a waiter out of the line. It is false where its turn has just come.
func (t *Turns) giveUp(p *party, turn chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.Index(p.waiting, turn)
	if at < 0 {
		return false
	}
	p.waiting = slices.Delete(p.waiting, at, at+1)
	t.waiting--
	if len(p.waiting) == 0 {
		t.line = slices.DeleteFunc(t.line, func(q *party) bool { return q == p })
	}
	t.forget(p)
	return true
}

func (t *Turns) begin(p *party) {
	t.going++
	p.going++
}

// leave ends a turn, and begins those that this makes room for.
func (t *Turns) leave(p *party) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.note(p.name)
	t.going--
	p.going--
	for i := 0; i < len(t.line) && t.going < t.all; {
		next := t.line[i]
		if next.going >= t.each {
			i++
			continue
		}
		close(next.waiting[0])
		next.waiting = next.waiting[1:]
		t.waiting--
		t.begin(next)
		t.line = slices.Delete(t.line, i, i+1)
		if len(next.waiting) > 0 {
			t.line = append(t.line, next)
		}
	}
	t.forget(p)
}

// forget drops a party of which nothing is left.
func (t *Turns) forget(p *party) {
	if p.going == 0 && len(p.waiting) == 0 {
		delete(t.parties, p.name)
	}
}

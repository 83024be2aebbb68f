package spool

import (
	"context"
	"errors"
	"sync"
)

// Shared has answers that take work to make and room to keep: requests of an account that want the same at the same time
// wait for one, and read from it. About is what there is to know of an answer beside its body. It is safe for concurrent use.
type Shared[About any] struct {
	Place

	mu      sync.Mutex
	answers map[string]*Answer[About]
}

// NewShared makes one, which has no answers.
func NewShared[About any](p Place) *Shared[About] {
	return &Shared[About]{Place: p, answers: map[string]*Answer[About]{}}
}

// Answer is there until all who got it have released it.
type Answer[About any] struct {
	*Spool
	About About

	name  string
	using int
	made  chan struct{} // closed when what follows is known, and all that is above
	err   error
	left  bool // who made it was gone before the end
}

var errAbandoned = errors.New("an answer was abandoned")

// Get gives the answer of an account that has a name of its own: one that another request has now, or is making, or else
// what fill makes. The caller releases it. Who leaves while others wait for what it makes fails none of them.
func (s *Shared[About]) Get(ctx context.Context, owner, name string, fill func(*Spool) (About, error)) (*Answer[About], error) {
	for {
		a, first := s.find(owner, owner+" "+name)
		if first {
			s.make(ctx, a, fill)
		} else {
			select {
			case <-a.made:
			case <-ctx.Done():
				s.Release(ctx, a)
				return nil, ctx.Err()
			}
		}
		if a.err == nil {
			return a, nil
		}
		s.Release(ctx, a)
		if first || !a.left {
			return nil, a.err
		}
	}
}

// find gives an answer to use. first: it is still to be made.
func (s *Shared[About]) find(owner, name string) (a *Answer[About], first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a = s.answers[name]
	if first = a == nil; first {
		a = &Answer[About]{Spool: s.New(owner, Buffer), name: name, made: make(chan struct{}), err: errAbandoned}
		s.answers[name] = a
	}
	a.using++
	return a, first
}

func (s *Shared[About]) make(ctx context.Context, a *Answer[About], fill func(*Spool) (About, error)) {
	defer func() { // also of a panic
		if a.left = ctx.Err() != nil; a.err != nil {
			s.forget(a)
		}
		close(a.made)
	}()
	if a.About, a.err = fill(a.Spool); a.err == nil {
		a.err = a.End()
	}
}

// forget lets nobody else find an answer.
func (s *Shared[About]) forget(a *Answer[About]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answers[a.name] == a {
		delete(s.answers, a.name)
	}
}

// Release ends the use of an answer.
func (s *Shared[About]) Release(ctx context.Context, a *Answer[About]) {
	s.mu.Lock()
	a.using--
	last := a.using == 0
	if last && s.answers[a.name] == a {
		delete(s.answers, a.name)
	}
	s.mu.Unlock()
	if last {
		a.Discard(ctx)
	}
}

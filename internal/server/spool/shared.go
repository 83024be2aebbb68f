package spool

import (
	"context"
	"sync"
)

// Shared has answers that take work to make and room to keep: who asks for what somebody of the account is still taking
// reads it from there. About is what there is to know of an answer beside its body. It is safe for concurrent use, but
// only those who ask one after the other share what they get.
type Shared[About any] struct {
	Place

	mu      sync.Mutex
	answers map[string]*Answer[About] // the last one of each name
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
}

// Get gives an account the answer of a name: that which others of it have, if it is good still, or else what fill makes.
// The caller releases it.
func (s *Shared[About]) Get(ctx context.Context, owner, name string, good func(About) (bool, error), fill func(*Spool) (About, error)) (*Answer[About], error) {
	name = owner + " " + name
	if a := s.find(name); a != nil {
		if is, err := good(a.About); is && err == nil {
			return a, nil
		} else if s.Release(ctx, a); err != nil {
			return nil, err
		}
	}
	return s.make(ctx, &Answer[About]{Spool: s.New(owner, Buffer), name: name, using: 1}, fill)
}

func (s *Shared[About]) find(name string) *Answer[About] {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.answers[name]
	if a != nil {
		a.using++
	}
	return a
}

func (s *Shared[About]) make(ctx context.Context, a *Answer[About], fill func(*Spool) (About, error)) (made *Answer[About], err error) {
	defer func() {
		if made == nil { // also of a panic
			a.Discard(ctx)
		}
	}()
	if a.About, err = fill(a.Spool); err != nil {
		return nil, err
	}
	if err := a.End(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[a.name] = a
	return a, nil
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

package projectserver

import "context"

// hold keeps one push from committing.
type hold struct {
	taken   chan struct{} // closed once the push has its numbers
	release chan struct{} // closed to let it commit
}

// HoldNextPush keeps the next push of mutations from committing: it takes its
// numbers, and then stands still while others come and go, so that a reader
// sees later numbers first (T3). taken is closed when it has them, and commit
// lets it go on. A client that goes away before that rolls it back. Call commit once.
func (s *Server) HoldNextPush() (taken <-chan struct{}, commit func()) {
	h := &hold{taken: make(chan struct{}), release: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hold = h
	return h.taken, func() { close(h.release) }
}

// waitIfHeld waits without s.mu, which is held before and after.
func (s *Server) waitIfHeld(ctx context.Context) error {
	h := s.hold
	if h == nil {
		return nil
	}
	s.hold = nil
	close(h.taken)
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-h.release:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

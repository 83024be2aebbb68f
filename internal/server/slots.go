package server

import (
	"context"
	"fmt"
)

// slots bounds how many requests do something large at once.
type slots chan struct{}

// take waits for a free slot; ctx bounds the wait. The caller gives it back.
func (s slots) take(ctx context.Context) error {
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for other requests: %w", ctx.Err())
	}
}

func (s slots) give() { <-s }

package journal

import (
	"context"
	"time"

	"github.com/engram-sync/engram-sync/internal/cancellable"
)

// The pauses of a poll.
const (
	firstPause = time.Second
	maxPause   = 8 * time.Second
)

// poll tries until that is done or the time is over, with growing pauses. The
// last try comes at the end of the time. waiting hears of the first pause. The
// error is the context's, if that ends it.
func poll(ctx context.Context, limit time.Duration, waiting func(rest time.Duration), try func() (done bool)) error {
	deadline := time.Now().Add(limit)
	for pause := firstPause; !try(); pause = min(pause*2, maxPause) {
		rest := time.Until(deadline)
		if rest <= 0 {
			return nil
		}
		if pause == firstPause {
			waiting(rest)
		}
		if err := cancellable.Sleep(ctx, min(pause, rest)); err != nil {
			return err
		}
	}
	return nil
}

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

// Follow does rounds until one says that it was the last, fails, or the context
// ends, whose cause is the error then. Between two rounds it waits. An error
// that is retryable ends nothing, unless the first round has it: whoever starts
// something wants to see that it works.
func Follow(ctx context.Context, every time.Duration, round func(context.Context) (last bool, err error), retryable func(error) bool) error {
	for first := true; ; first = false {
		last, err := round(ctx)
		if last || err != nil && (first || ctx.Err() != nil || !retryable(err)) {
			return err
		}
		if err := cancellable.Sleep(ctx, every); err != nil {
			return err
		}
	}
}

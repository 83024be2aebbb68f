package journal

import (
	"context"
	"time"

	"github.com/engram-sync/engram-sync/internal/cancellable"
)

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

package cancellable

import (
	"context"
	"time"
)

// The pauses of a Poll.
const (
	firstPause = time.Second
	maxPause   = 8 * time.Second
)

// Poll tries until that is done or the time is over, with growing pauses. The
// last try comes at the end of the time. waiting hears of the first pause. The
// error is the context's, if that ends it.
func Poll(ctx context.Context, limit time.Duration, waiting func(rest time.Duration), try func() (done bool)) error {
	deadline := time.Now().Add(limit)
	for pause := firstPause; !try(); pause = min(pause*2, maxPause) {
		rest := time.Until(deadline)
		if rest <= 0 {
			return nil
		}
		if pause == firstPause {
			waiting(rest)
		}
		if err := Sleep(ctx, min(pause, rest)); err != nil {
			return err
		}
	}
	return nil
}

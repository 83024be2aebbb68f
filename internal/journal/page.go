package journal

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// ErrBadPage means that an answer of a server can't be a page of a journal.
var ErrBadPage = errors.New("the server's page of the journal makes no sense")

// readPage reads a page of the journal, which must lead on.
func readPage(ctx context.Context, remote Reader, since int64, limit int) (engram.PullMutationsResponse, error) {
	page, err := remote.PullMutations(ctx, since, limit)
	if err != nil {
		return page, err
	}
	if page.HasMore && len(page.Mutations) == 0 {
		return page, fmt.Errorf("it says that there is more, and gives no row: %w", ErrBadPage)
	}
	for _, row := range page.Mutations {
		if row.Seq <= since {
			return page, fmt.Errorf("row %d comes after row %d: %w", row.Seq, since, ErrBadPage)
		}
		since = row.Seq
	}
	return page, nil
}

// newest finds the number of the journal's newest row, which is not below low,
// in about twice as many requests as the difference has binary digits.
func newest(ctx context.Context, remote Reader, low int64) (int64, error) {
	high := int64(math.MaxInt64)
	for step := int64(0); low < high; {
		probe := low + (high-low)/2
		if high == math.MaxInt64 {
			probe = low + min(step, high-low)
		}
		page, err := readPage(ctx, remote, probe, 1)
		switch {
		case err != nil:
			return 0, err
		case len(page.Mutations) > 0:
			low, step = page.Mutations[0].Seq, max(1, step*2)
		default:
			high = probe
		}
	}
	return low, nil
}

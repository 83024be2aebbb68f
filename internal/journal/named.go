package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// maxLists is how often a server is believed which rows of a batch it does not take: it
// names all of them at once, so that the second list is one too many already.
// Source: engram-2.md 4.5.
const maxLists = 2

func invalidOf(err error) map[int]string {
	if content, ok := errors.AsType[*engram.ContentError](err); ok {
		return content.Invalid
	}
	return nil
}

// rejectNamed rejects the rows that the server names, and gives the others. The position
// moves past those of them that lie before a named one, so they count as deferred until
// they have arrived.
func (p *pusher) rejectNamed(ctx context.Context, rows []Row, refusal error) (rest []Row, err error) {
	invalid := invalidOf(refusal)
	for i, row := range rows {
		field, named := invalid[i]
		if !named {
			p.job.Deferred.Add(row.Position)
			rest = append(rest, row)
			continue
		}
		reason := &engram.ContentError{Err: fmt.Errorf("the server does not take its %s: %w", cmp.Or(field, "content"), refusal)}
		if err := p.reject(ctx, row, reason); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

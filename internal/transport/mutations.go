package transport

import (
	"context"
	"errors"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// PushMutations stores a batch, all of it or nothing: POST /sync/mutations/push.
// Payloads go out byte for byte. key names the batch to servers that know
// Idempotency-Key; "" sends none. Nothing is asked for an empty batch. What was
// certainly not applied is sent again, up to Options.Retries; nothing else ever
// is. Nor is a batch that was made for a server of another kind: which rows there are in it,
// and what is remembered of them, depends on that. Errors that callers decide on, besides the classes of this package:
//
//   - *engram.UncertainError (ErrOutcomeUnknown): it was sent, and no answer
//     that can be believed came. The journal knows. Unlike a chunk, which is found
//     again by its id, a batch has no name there: only who knows where the journal
//     stood before, and what else is on its way, can look for it.
//   - *engram.ContentError: a row is refused for what it says.
//   - *engram.PausedError: a project in the batch is paused.
//   - *engram.BatchTooLargeError: the batch is over the server's limit.
//
// The last three wrap ErrRefused. Source: account-server.md 4.1, 4.5.
func (t *RemoteTransport) PushMutations(ctx context.Context, entries []MutationEntry, key string) (result PushMutationsResult, err error) {
	if len(entries) == 0 {
		return result, nil
	}
	call := &httplayer.Call{Op: "push mutations"}
	meant, _ := t.known()
	err = t.client.Attempts(ctx, call, func() (outcome httplayer.Outcome, err error) {
		result, outcome, err = t.dialect().PushMutations(ctx, call, entries, key)
		if !errors.Is(err, protocol.ErrOtherKind) {
			return outcome, err
		}
		if err := t.learn(t.project); err != nil {
			return httplayer.Final, fmt.Errorf("%s: %w", call.Op, err)
		}
		if meant != nil {
			return httplayer.Final, fmt.Errorf("%s: %w: it is not the kind of server that it was taken for", call.Op, ErrUnavailable)
		}
		return httplayer.Reworded, nil
	})
	err = t.full(t.recheck(ctx, t.doubt(ctx, noMutations, err)))
	t.learnLimit(err)
	return result, err
}

// PullMutations asks for the rows of the journal behind since: GET
// /sync/mutations/pull. At most limit rows, and never more than 1000; 100 where
// limit is not positive. A page may be shorter than that and still have more
// behind it: only HasMore tells, and where it is true there is at least one row.
// Rows ascend, each above since. Their payloads are the server's bytes, an object, a
// string or null, and share the memory of the page. An answer that breaks any of
// this is an error, and nothing of it is given.
//
// Pulls wait for each other, however many goroutines call: an account server
// needs a second database connection for each pull in progress, and as many
// pulls as it has connections stop it for good. For the same reason a pull that
// got no answer is not tried again. Source: account-server.md 4.3, 4.7.
func (t *RemoteTransport) PullMutations(ctx context.Context, since int64, limit int) (PullMutationsResponse, error) {
	const op = "pull mutations"
	select {
	case t.pulling <- struct{}{}:
		defer func() { <-t.pulling }()
	case <-ctx.Done():
		return PullMutationsResponse{}, fmt.Errorf("%s: %w", op, context.Cause(ctx))
	}
	return protocol.ReadPage(ctx, t.client, op, since, limit)
}

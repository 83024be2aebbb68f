package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

// ErrOtherContent: the id is taken by other bytes, for good.
var ErrOtherContent = fmt.Errorf("%w: the server holds other content", ErrRefused)

// settle finds out what became of a push whose answer was lost or said 5xx. It can
// be done here, since the id of a chunk names its bytes: whoever finds them there
// needs to know nothing of the request.
// stored is true if the server has the bytes; an error is the last word; neither
// means that the push is certainly absent, and may be sent again. A server that
// answered in its own format is done with the request, so one look is enough;
// otherwise it may still be at work, and is given SettleFor.
// Source: account-server.md 8.
func (t *RemoteTransport) settle(ctx context.Context, op string, id engram.ChunkID, sum [32]byte, cause error) (stored bool, err error) {
	status, answered := errors.AsType[*StatusError](cause)
	answered = answered && status.Final
	deadline := time.Now().Add(t.opts.SettleFor)
	for pause := time.Second; ; pause *= 2 {
		held, err := t.holds(ctx, id, sum)
		rest := time.Until(deadline)
		switch {
		case held || errors.Is(err, ErrOtherContent):
			return held, err
		case ctx.Err() != nil:
			return false, fmt.Errorf("%s: %w: interrupted (%w)", op, ErrOutcomeUnknown, context.Cause(ctx))
		case err == nil && answered && status.Status == http.StatusServiceUnavailable:
			return false, nil
		case err == nil && answered:
			return false, cause
		case rest <= 0, errors.Is(err, ErrUnauthorized), errors.Is(err, ErrRefused):
			return false, unknownOutcome(op, cause, err)
		}
		if pause == time.Second {
			t.opts.Notify(Wait{For: t.opts.SettleFor, Cause: "no answer: looking whether the server stored chunk " + id.String()})
		}
		if err := cancellable.Sleep(ctx, min(pause, rest)); err != nil { // the last look is at the deadline
			return false, fmt.Errorf("%s: %w: interrupted (%w)", op, ErrOutcomeUnknown, err)
		}
	}
}

// unknownOutcome says what is known. It wraps ErrOutcomeUnknown alone: the
// classes of what led to it would tell the caller that it may send again.
func unknownOutcome(op string, cause, lookErr error) error {
	found := "the server does not list it"
	if lookErr != nil {
		found = "looking for it failed (" + lookErr.Error() + ")"
	}
	return fmt.Errorf("%s: %w: it was sent, no good answer came (%s), and %s", op, ErrOutcomeUnknown, httplayer.Reason(cause), found)
}

// holds asks for the pushed chunk and compares its bytes. An error wraps
// ErrOtherContent if the server holds others under the same id.
func (t *RemoteTransport) holds(ctx context.Context, id engram.ChunkID, sum [32]byte) (bool, error) {
	var got [32]byte
	_, err := t.ReadChunk(ctx, id, func(chunk *engram.Chunk) error {
		_, err := io.Copy(io.Discard, chunk)
		got = chunk.Sum()
		return err
	})
	status, _ := errors.AsType[*StatusError](err)
	_, mismatch := errors.AsType[*engram.MismatchError](err) // any other damage may be a proxy's doing
	_, reduced := errors.AsType[*engram.ReducedError](err)
	switch {
	case err == nil && got == sum:
		return true, nil
	case err == nil, mismatch, reduced:
		return false, fmt.Errorf("push chunk %s: %w under this id", id, ErrOtherContent)
	case status != nil && status.Status == http.StatusNotFound:
		// Any odd failure of the reference server's database looks the same
		// (account-server.md 10, 1.1), so the manifest has to agree.
		return t.lists(ctx, id)
	}
	return false, err
}

// lists says whether the manifest names the chunk.
func (t *RemoteTransport) lists(ctx context.Context, id engram.ChunkID) (bool, error) {
	m, err := t.ReadManifest(ctx)
	if err != nil {
		return false, err
	}
	if _, ok := m.Entry(id); ok {
		return false, fmt.Errorf("%w: the server lists the chunk, but does not give it", ErrUnavailable)
	}
	return false, nil
}

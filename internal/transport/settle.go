package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

// ErrOtherContent: the id is taken by other bytes, for good.
var ErrOtherContent = fmt.Errorf("%w: the server holds other content", ErrRefused)

// settling is the window in which all pushes that are in doubt are looked for together:
// it opens with the first of them, and closes as soon as one turns out well.
type settling struct {
	mu     sync.Mutex
	opened time.Time // zero: it is closed
	chunks map[engram.ChunkID]bool
}

// enter is for a push that is in doubt, and gives the time when the window opened.
func (s *settling) enter(id engram.ChunkID) (opened time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened.IsZero() {
		s.opened, s.chunks = time.Now(), map[engram.ChunkID]bool{}
	}
	s.chunks[id] = true
	return s.opened
}

// close is for a push that turned out well.
func (s *settling) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened = time.Time{}
}

// general says that no push went well since the window was opened, and that it is not
// one chunk alone to which that happens.
func (s *settling) general(opened time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened.Equal(opened) && len(s.chunks) > 1
}

// FailingError says that the server fails every push, so that further ones are in vain.
type FailingError struct {
	For time.Duration
	Err error
}

func (e *FailingError) Error() string {
	return fmt.Sprintf("%s; no push went well for %s", e.Err, e.For)
}

func (e *FailingError) Unwrap() error { return e.Err }

// settle finds out what became of a push whose answer was lost or said 5xx. stored is
// true if the server has the bytes; again, if it certainly has not, and may be asked
// again; else an error is the last word.
func (t *RemoteTransport) settle(ctx context.Context, op string, id engram.ChunkID, sum [32]byte, cause error) (stored, again bool, err error) {
	opened := t.settling.enter(id)
	end := opened.Add(t.opts.SettleFor)
	stored, again, err = t.lookFor(ctx, op, id, sum, cause, end)
	if stored {
		t.settling.close()
		return true, false, nil
	}
	if time.Now().Before(end) || ctx.Err() != nil || errors.Is(err, ErrOtherContent) {
		return false, again, err
	}
	if err = cmp.Or(err, cause); t.settling.general(opened) {
		err = &FailingError{For: t.opts.SettleFor, Err: err}
	}
	return false, false, err
}

// briefly is the pause between the two looks that are enough where the push did not get
// through to the server, or its connection to the proxy broke.
const (
	briefly  = 2 * time.Second
	lastLook = 5 * time.Second // that is allowed beyond the window
)

// lookFor looks until it is certain what became of a push, or the end has come. That can
// be done here, since the id of a chunk names its bytes: whoever finds them there
// needs to know nothing of the request. How often depends on who gave the bad answer: a
// server that did is done with the request, so one look is enough; where a proxy could
// not pass it on (502, 503) two of them are; otherwise the server may still be at work,
// and is given all the time. Source: account-server.md 8.
func (t *RemoteTransport) lookFor(
	ctx context.Context, op string, id engram.ChunkID, sum [32]byte, cause error, end time.Time,
) (stored, again bool, err error) {
	patience := httplayer.PatienceAfter(cause)
	looking, cancel := context.WithDeadlineCause(ctx, latest(end, time.Now()).Add(lastLook), errNoLook)
	defer cancel()
	pause := time.Second
	if patience == httplayer.Brief {
		pause = briefly
	}
	for absent, told := 0, false; ; pause *= 2 {
		held, err := t.holds(looking, id, sum)
		if err == nil {
			absent++
		}
		rest := time.Until(end)
		switch {
		case held || errors.Is(err, ErrOtherContent):
			return held, false, err
		case ctx.Err() != nil:
			return false, false, fmt.Errorf("%s: %w: its answer was not waited for: %w", op, ErrOutcomeUnknown, context.Cause(ctx))
		case err == nil && patience == httplayer.None:
			return false, false, cause
		case err == nil && patience == httplayer.Once, absent == 2 && patience == httplayer.Brief:
			return false, true, nil
		case err == nil && absent == 1 && patience == httplayer.Brief:
			rest = max(rest, briefly)
		case rest <= 0, errors.Is(err, ErrUnauthorized), errors.Is(err, ErrRefused):
			return false, false, unknownOutcome(op, cause, err)
		}
		if !told && patience == httplayer.Long {
			told = true
			t.opts.Notify(Wait{For: rest, Cause: "no answer: looking whether the server stored chunk " + id.String()})
		}
		if err := cancellable.Sleep(ctx, min(pause, rest)); err != nil { // the last look is at the end
			return false, false, fmt.Errorf("%s: %w: its answer was not waited for: %w", op, ErrOutcomeUnknown, err)
		}
	}
}

var errNoLook = errors.New("it does not answer that either")

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
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

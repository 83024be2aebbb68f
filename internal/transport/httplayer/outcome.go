package httplayer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/engram-sync/engram-sync/internal/transport/network"
)

// Outcome is what is known of a POST after its answer, or the lack of one.
type Outcome int

// The outcomes.
const (
	Final     Outcome = iota // nothing more to do: applied, refused, or repeated by Retry often enough (429, failed dials)
	Unapplied                // certainly not applied: it may be sent again
	Reworded                 // not applied, and in another form it may be: it is sent again at once
	Uncertain                // to be looked for
)

// Judge tells the outcome of a POST by its error, and by whether the server may
// have the whole of it.
func Judge(ctx context.Context, err error, sent bool) Outcome {
	if err == nil {
		return Final
	}
	if status, ok := errors.AsType[*StatusError](err); ok {
		return judgeAnswer(status, sent)
	}
	lost, ok := errors.AsType[*NetworkError](err)
	switch {
	case ok && network.IsUnsent(lost.Err): // Retry has tried that often enough
		return Final
	case sent && (ok || ctx.Err() != nil):
		return Uncertain
	case ok && isTransient(lost.Err) && errors.Is(lost.Class, ErrUnavailable):
		return Unapplied // cut off before the end
	}
	return Final
}

// judgeAnswer judges a POST by an answer other than 200.
func judgeAnswer(status *StatusError, sent bool) Outcome {
	switch {
	case status.Status < 300 && sent: // some other way to say yes
		return Uncertain
	case status.CutShort():
		return Unapplied
	case status.Full(): // which a second attempt would meet, too
		return Final
	case !errors.Is(status.Class, ErrUnavailable), status.Status == http.StatusTooManyRequests: // Retry has tried that often enough
		return Final
	case sent:
		return Uncertain
	case status.Status == http.StatusInternalServerError:
		return Final
	}
	return Unapplied
}

// Attempts tries to send a message until the outcome is final, as often and as long as
// Retry would. What is uncertain is for try to settle: it ends the attempts.
func (c *Client) Attempts(ctx context.Context, call *Call, try func() (Outcome, error)) error {
	pauses, left := newPauses(), c.retry.Time
	for {
		began := time.Now()
		outcome, err := try()
		pause := pauses.NextBackOff()
		left -= min(time.Since(began), mostCharged) + pause
		switch {
		case outcome == Reworded:
			continue
		case outcome != Unapplied || call.attempts > c.retry.Retries || left < 0:
			return err
		}
		if err := c.retry.rest(ctx, pause, Reason(err)); err != nil {
			return fmt.Errorf("%s: %w", call.Op, err)
		}
	}
}

// Patience is how long to look for a message whose outcome is uncertain.
type Patience int

// The kinds of patience.
const (
	Long  Patience = iota // the server may still be at work
	Brief                 // a proxy could not pass it on, or lost its connection to the server
	Once                  // the server is done with it, and a later try may go better
	None                  // the server is done with it, and said that it failed
)

// PatienceAfter judges by the bad answer, or the lack of one.
func PatienceAfter(cause error) Patience {
	status, ok := errors.AsType[*StatusError](cause)
	if !ok {
		return Long
	}
	switch known := gatewayStatus(status.Status); {
	case known < 400, known == http.StatusGatewayTimeout, known == http.StatusRequestTimeout && !status.Final:
		return Long
	case known == http.StatusServiceUnavailable && status.Final:
		return Once
	case known == http.StatusBadGateway, known == http.StatusServiceUnavailable:
		return Brief
	}
	return None
}

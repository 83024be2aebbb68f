package protocol

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

// Send sends a batch once. What is uncertain comes back as an UncertainError, which
// is final: only who knows the journal can settle it.
func (b *Batch) Send(
	ctx context.Context, client *httplayer.Client, call *httplayer.Call,
) (result engram.PushMutationsResult, outcome httplayer.Outcome, err error) {
	resp, delivery, err := client.Post(ctx, call, httplayer.Message{
		Path: "/sync/mutations/push", Key: b.key,
		NewBody: func() (httplayer.Body, error) { return httplayer.TextBody(b.text), nil },
	})
	switch {
	case err != nil:
	case resp.StatusCode == http.StatusOK:
		result, err = b.judge(call.Op, resp, delivery)
		return result, httplayer.Final, err
	default:
		err = b.refusal(client, call, resp)
	}
	sent := delivery.Sent() && !delivery.Idle
	if outcome = httplayer.Judge(ctx, err, sent); outcome == httplayer.Uncertain {
		return result, httplayer.Final, uncertain(call.Op, err)
	}
	return result, outcome, err
}

// judge believes only the answer of a server that stored the whole batch. Others
// tell of another server than we think, or of one that read the batch as an empty
// one (project-server.md 5), and the journal has to be asked. Source:
// account-server.md 4.1.
func (b *Batch) judge(op string, resp *http.Response, delivery *httplayer.Delivery) (engram.PushMutationsResult, error) {
	var got Accepted
	body, err := httplayer.Text(resp)
	if err == nil {
		got, err = b.form.Read(body)
	}
	complete := err == nil && got.Rows != nil && got.LastSeq != nil
	switch {
	case err != nil:
		// The cause stands in the text.
	case !complete:
		err = errors.New("it does not say what was accepted")
	case *got.Rows != b.rows || *got.LastSeq <= 0:
		err = fmt.Errorf("accepted %d of %d, last_seq %d", *got.Rows, b.rows, *got.LastSeq)
	case !delivery.Sent():
		err = errors.New("it came before all was sent")
	default:
		return engram.PushMutationsResult{Accepted: *got.Rows, LastSeq: *got.LastSeq}, nil
	}
	return engram.PushMutationsResult{}, &engram.UncertainError{Done: complete, Err: fmt.Errorf(
		"%s: %w: it was sent, and the answer cannot be believed (%s)", op, engram.ErrOutcomeUnknown, httplayer.Printable(err.Error()))}
}

// uncertain is the error for a batch that was sent whole and got no good answer.
// A server that answered in its own format is done with it: even its 503 can
// follow a commit whose connection was lost. Source: account-server.md 10, 1.1.
func uncertain(op string, cause error) error {
	var status *httplayer.StatusError
	done := errors.As(cause, &status) && status.Final
	why := strings.TrimPrefix(httplayer.Reason(cause), op+": ")
	return &engram.UncertainError{Done: done, Err: fmt.Errorf(
		"%s: %w: it was sent, and no good answer came (%s)", op, engram.ErrOutcomeUnknown, why)}
}

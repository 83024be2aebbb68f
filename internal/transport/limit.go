package transport

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// splitAnyway is a little more than the parts have that are made for a server that has
// named no limit.
const splitAnyway = 4<<20 + 4<<10

// learnLimit remembers the limit that a project server has named, and marks the refusal
// of a chunk as one that the smaller parts of the next run may escape.
func (t *RemoteTransport) learnLimit(err error) {
	var limit int64
	if chunk, ok := errors.AsType[*protocol.TooLargeError](err); ok && chunk.Err != nil {
		limit = chunk.Limit
		chunk.News = limit > 0 && limit < splitAnyway && limit != t.opts.Known.Limit
	} else if batch, ok := errors.AsType[*BatchTooLargeError](err); ok && !batch.Stranger {
		if _, answered := errors.AsType[*StatusError](err); answered {
			limit = batch.Limit
		}
	}
	if limit > 0 && t.PerProject() {
		t.update(func(f *Facts) { f.Limit, f.LimitAt = limit, time.Now().Unix() })
	}
}

const opLimit = "ask for the server's limit"

// FindLimit gives the limit of a push to a project server, 0 where none is known. One that
// keeps parts small for longer than a day is put to the test with a message that is a
// little larger and has nothing in it, as nothing else would show that it has risen.
// Source: project-server.md 1, 13.
func (t *RemoteTransport) FindLimit(ctx context.Context) (int64, error) {
	t.askLimit.Lock()
	defer t.askLimit.Unlock()
	f := t.Facts()
	if f.Limit == 0 || f.Limit >= splitAnyway || !isOld(f.LimitAt, time.Now()) {
		return f.Limit, nil
	}
	call := &httplayer.Call{Op: opLimit, NoWait: true, NoRetryOnStall: true}
	resp, _, err := t.client.Post(ctx, call, httplayer.Message{
		Path: "/sync/push", NewBody: func() (httplayer.Body, error) {
			return httplayer.TextBody([]byte("{" + strings.Repeat(" ", int(f.Limit)) + "}")), nil
		},
	})
	if err != nil {
		return f.Limit, context.Cause(ctx) // nothing was found out, and nothing is lost by it
	}
	defer func() { _ = resp.Body.Close() }() // its content has been judged
	switch status := call.Refused(resp); {
	case status.Stranger():
	case status.Status == http.StatusRequestEntityTooLarge:
		if limit := protocol.NamedLimit(status.Body()); limit > 0 {
			t.update(func(f *Facts) { f.Limit, f.LimitAt = limit, time.Now().Unix() })
		}
	case status.Status == http.StatusBadRequest:
		t.update(func(f *Facts) { f.Limit, f.LimitAt = 0, 0 })
	}
	return t.Facts().Limit, nil
}

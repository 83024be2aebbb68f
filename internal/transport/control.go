package transport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"

	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// control is a message with nothing in it, of which no server stores anything. Source:
// account-server.md 3.1, 4.1, project-server.md 4.1, 13.
type control struct{ path, text string }

var (
	noChunk     = control{"/sync/push", `{}`}
	noMutations = control{"/sync/mutations/push", `{"entries":[],"mutations":[]}`} // each kind ignores the other's member
)

// maxControls bounds how often a process doubts: as many refusals among what is taken are
// nobody's who has begun to say no to everything.
const maxControls = 4

// doubt checks the first refusal of a process that blames what was sent, and the first
// after something was taken: if a message with nothing in it is refused in the same
// words, these are a gateway's to everybody, whatever their form, and the error is no
// longer one about a row or a chunk.
func (t *RemoteTransport) doubt(ctx context.Context, c control, err error) error {
	if err == nil {
		t.heard.Store(t.controls.Load() >= maxControls)
	}
	status, ok := errors.AsType[*StatusError](err)
	if !ok || !blames(status, err) || t.heard.Load() {
		return err
	}
	t.controls.Add(1)
	call := &httplayer.Call{Op: status.Op}
	resp, _, err2 := t.client.Post(ctx, call, httplayer.Message{
		Path: c.path, NewBody: func() (httplayer.Body, error) { return httplayer.TextBody([]byte(c.text)), nil },
	})
	if err2 != nil {
		return err2 // nothing was found out, so nothing may be given up
	}
	defer func() { _ = resp.Body.Close() }() // its content has been judged
	if resp.StatusCode == status.Status {
		again := call.Refused(resp)
		if again.Message == status.Message && again.Code == status.Code {
			status.ToAll, status.Class = true, ErrRefused
			return status
		}
	}
	t.heard.Store(true)
	return err
}

// blames says whether a refusal is about what was sent, in the form of a server.
func blames(status *StatusError, err error) bool {
	_, row := errors.AsType[*ContentError](err)
	_, large := errors.AsType[*protocol.TooLargeError](err)
	_, largeBatch := errors.AsType[*BatchTooLargeError](err)
	return errors.Is(status, ErrRefused) && !status.Stranger() && (row || large || largeBatch || status.AboutContent() ||
		status.Status == http.StatusBadRequest || status.Status == http.StatusUnsupportedMediaType)
}

// full makes the disk of a server in this process our own: when it is full, trying
// again helps nobody.
func (t *RemoteTransport) full(err error) error {
	if status, ok := errors.AsType[*StatusError](err); ok && t.opts.OwnDisk && status.Full() {
		return fmt.Errorf("%s: %w", status.Op, syscall.ENOSPC)
	}
	return err
}

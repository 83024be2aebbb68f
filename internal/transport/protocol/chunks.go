// Package protocol is what both kinds of server have in common on the wire: the
// forms of pushes, batches and pages, and which answers to them are believed. Only
// package transport and its two dialects, account and project, may use it.
package protocol

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

// ErrOtherKind means that a server answered as one of the other kind does, and has
// applied nothing.
var ErrOtherKind = errors.New("the answer is that of another kind of server")

// NoRoute is how a project server says that it has no such path. A chunk that is
// missing is 404 too, in other words. Source: project-server.md 1 and 3.7.
const NoRoute = "404 page not found"

// TooLargeError is a chunk that the server's limit keeps out for good.
type TooLargeError struct {
	ID    engram.ChunkID
	Limit int64 // of the whole push, in bytes
	Err   error // what the server said; nil if it was not asked
	News  bool  // it has not said so before, so that larger chunks were made than need be
}

func (e *TooLargeError) Error() string {
	if e.Limit == 0 {
		return fmt.Sprintf("chunk %s is too large for the server", e.ID)
	}
	return fmt.Sprintf("chunk %s is too large: the server takes at most %s in one push", e.ID, bytesAndMiB(e.Limit))
}

func (e *TooLargeError) Unwrap() error { return cmp.Or(e.Err, httplayer.ErrRefused) }

// bytesAndMiB is a size to compare with others and with settings.
func bytesAndMiB(n int64) string {
	if n == 0 || n%(1<<20) != 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d bytes (%d MiB)", n, n>>20)
}

// OpenFunc opens the content of a chunk from its beginning. It is called once
// for each attempt to send it.
type OpenFunc = func() (*engram.Chunk, error)

// StoreFunc takes the content of a chunk, reading it to its end.
type StoreFunc = func(*engram.Chunk) error

// Push is a chunk on its way to a server: POST /sync/push.
type Push struct {
	ID          engram.ChunkID
	ContentType string
	NewBody     func() (httplayer.Body, error)
	// Yes is how the server says that it has stored the chunk, OtherYes how one of
	// the other kind says it, which Stranger hears of.
	Yes, OtherYes string
	Stranger      func()
	// Names says that the server gives chunks ids of its own: one that it answers counts.
	Names bool
}

// OtherIDError says that a server has stored a chunk under another id than the one that
// it was sent with: its canonical form is none that was expected.
type OtherIDError struct{ ID, Stored engram.ChunkID }

func (e *OtherIDError) Error() string {
	return fmt.Sprintf("the server has stored chunk %s, and calls it %s", e.ID, e.Stored)
}

// StoredAs is the server's id.
func (e *OtherIDError) StoredAs() engram.ChunkID { return e.Stored }

// Send sends a push once, and says whether the server may have the whole of it. It
// believes only the answer that the kind of server gives: its yes, and the id.
// Source: account-server.md 3.1, project-server.md 3.1.
func (p Push) Send(ctx context.Context, client *httplayer.Client, call *httplayer.Call) (sent bool, err error) {
	resp, delivery, err := client.Post(ctx, call, httplayer.Message{Path: "/sync/push", ContentType: p.ContentType, NewBody: p.NewBody})
	if err == nil {
		defer func() { _ = resp.Body.Close() }() // its content has been judged
	}
	switch {
	case err != nil:
	case resp.StatusCode != http.StatusOK:
		err = call.Refused(resp)
	case !delivery.Sent():
		return false, httplayer.Unbelieved(call.Op, errors.New("it came before all was sent"))
	default:
		err = p.judge(call, resp)
	}
	return delivery.Sent(), err
}

func (p Push) judge(call *httplayer.Call, resp *http.Response) error {
	var answer struct {
		Status  string `json:"status"`
		ChunkID string `json:"chunk_id"`
	}
	body, err := httplayer.ReadText(resp)
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	if answer.Status == p.OtherYes {
		p.Stranger()
	}
	if stored, bad := engram.ParseChunkID(answer.ChunkID); p.Names && err == nil && bad == nil && answer.Status == p.Yes && stored != p.ID {
		return &OtherIDError{ID: p.ID, Stored: stored}
	}
	if err == nil && (answer.Status != p.Yes || answer.ChunkID != p.ID.String()) {
		err = fmt.Errorf("status %q for chunk %q", httplayer.Printable(answer.Status), httplayer.Printable(answer.ChunkID))
	}
	if err != nil {
		return httplayer.Unbelieved(call.Op, err)
	}
	return nil
}

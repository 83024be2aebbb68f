// Package protocol is what both kinds of server have in common on the wire: the
// forms of pushes, batches and pages, and which answers to them are believed. Only
// package transport and its two dialects, account and project, may use it.
package protocol

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

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
}

// Send sends a push once, and says whether the server may have the whole of it. It
// believes only the answer that the kind of server gives: its yes, and the id.
// Source: account-server.md 3.1, project-server.md 3.1.
func (p Push) Send(ctx context.Context, client *httplayer.Client, call *httplayer.Call) (sent bool, err error) {
	resp, delivery, err := client.Post(ctx, call, httplayer.Message{Path: "/sync/push", ContentType: p.ContentType, NewBody: p.NewBody})
	switch {
	case err != nil:
	case resp.StatusCode != http.StatusOK:
		err = call.Refused(resp)
	case !delivery.Sent():
		_ = resp.Body.Close() // an answer to half a request
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
	body, err := httplayer.Text(resp)
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	if answer.Status == p.OtherYes {
		p.Stranger()
	}
	if err == nil && (answer.Status != p.Yes || answer.ChunkID != p.ID.String()) {
		err = fmt.Errorf("status %q for chunk %q", httplayer.Printable(answer.Status), httplayer.Printable(answer.ChunkID))
	}
	if err != nil {
		return httplayer.Unbelieved(call.Op, err)
	}
	return nil
}

package wiretest

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// Session is a small mutation.
func Session(id string) transport.MutationEntry {
	return transport.MutationEntry{
		Entity: "session", EntityKey: id, Op: "upsert", Payload: json.RawMessage(`{"id":"` + id + `","project":"p"}`),
	}
}

// Two are the mutations that most stories push.
func Two() []transport.MutationEntry {
	return []transport.MutationEntry{Session("a"), Session("b")}
}

// KindOf names the typed error that a caller of PushMutations acts on.
func KindOf(err error) string {
	var uncertain *engram.UncertainError
	var content *engram.ContentError
	var paused *engram.PausedError
	var large *engram.BatchTooLargeError
	switch {
	case errors.As(err, &uncertain):
		return fmt.Sprintf("uncertain, done %t", uncertain.Done)
	case errors.As(err, &content):
		return "content"
	case errors.As(err, &paused):
		return "paused " + paused.Project
	case errors.As(err, &large):
		return fmt.Sprintf("%d rows over %d", large.Rows, large.Limit)
	}
	return ""
}

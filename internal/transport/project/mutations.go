package project

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// maxBatchRows is the most rows that a project server takes in one push of
// mutations. Source: project-server.md 4.1.
const maxBatchRows = 100

// PushMutations sends a batch once.
func (d *Dialect) PushMutations(
	ctx context.Context, call *httplayer.Call, entries []engram.MutationEntry, key string,
) (engram.PushMutationsResult, httplayer.Outcome, error) {
	var named []string // the projects in the batch, each once
	form := protocol.Form{
		Member: "entries", MaxRows: maxBatchRows, MaxBytes: cmp.Or(d.limit.Load(), protocol.MaxBatchBytes), Read: d.readAccepted,
		Row: func(e engram.MutationEntry) (engram.MutationEntry, error) {
			e, err := d.row(e)
			if err == nil && !slices.Contains(named, e.Project) {
				named = append(named, e.Project)
			}
			return e, err
		},
	}
	result, outcome, err := protocol.PushMutations(ctx, d.Client, call, form, entries, key)
	if status, ok := errors.AsType[*httplayer.StatusError](err); ok {
		switch {
		case status.Status == http.StatusRequestEntityTooLarge:
			d.learnLimit(protocol.NamedLimit(status.Body()))
		case status.Code == CodeForbidden:
			status.Message += fmt.Sprintf(" (in the batch: %.100q)", named)
		}
	}
	return result, outcome, err
}

// row is a mutation as a project server wants it: with a project, in the form in
// which the server compares it (it would store another spelling where no reader
// finds it: project-server.md 10, T1), and with an object for a payload.
func (d *Dialect) row(e engram.MutationEntry) (engram.MutationEntry, error) {
	e.Project = engram.NormalizeProject(e.Project)
	if e.Project == "" {
		var err error
		if e.Project, err = d.project(); err != nil {
			return e, err
		}
	}
	if text := bytes.TrimSpace(e.Payload); len(text) > 0 && text[0] == '"' {
		var inner string
		if json.Unmarshal(text, &inner) == nil && json.Valid([]byte(inner)) {
			e.Payload = json.RawMessage(inner)
		}
	}
	return e, nil
}

// readAccepted makes of the answer what an account server says. Its own members are
// those of the other kind, which says yes and stores nothing.
func (d *Dialect) readAccepted(answer []byte) (protocol.Accepted, error) {
	var got struct {
		protocol.Accepted
		Seqs []int64 `json:"accepted_seqs"`
	}
	err := json.Unmarshal(answer, &got)
	if got.Rows != nil {
		d.Stranger()
	}
	var accepted protocol.Accepted
	if n := len(got.Seqs); n > 0 {
		last := slices.Max(got.Seqs)
		accepted = protocol.Accepted{Rows: &n, LastSeq: &last}
	}
	return accepted, err
}

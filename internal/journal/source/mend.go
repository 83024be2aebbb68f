package source

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/mend"
)

// prepare makes a row ready that goes.
func (s *Project) prepare(ctx context.Context, row journal.Row) (journal.Row, error) {
	if row.Err == nil && !row.Skip && row.SetAside == "" {
		return s.mend(ctx, row)
	}
	return row, nil
}

// mend mends a row by the rule that chunks are mended by, and judges it by what a
// project server is known to refuse, so that nothing has to be halved for that.
func (s *Project) mend(ctx context.Context, row journal.Row) (_ journal.Row, err error) {
	generation := engram.Gen1
	if s.opts.Generation != nil && row.Entry.Op == "upsert" && mend.Bare(row.Entry.Entity, unwrapped(row.Entry.Payload)) {
		if generation, err = s.opts.Generation(ctx); err != nil {
			return row, err
		}
	}
	if !s.opts.Strict && row.Entry.Op == "upsert" {
		if text, fills := mend.Payload(generation, row.Entry.Entity, row.Entry.EntityKey, unwrapped(row.Entry.Payload)); len(fills) > 0 {
			row.Entry.Payload, row.Fills = text, fills
		}
	}
	if generation >= engram.Gen3 {
		row.Entry.Payload = mend.SayBare(unwrapped(row.Entry.Payload))
	}
	if problem := canon.Of(generation).CheckMutation(row.Entry, s.project); problem != nil {
		if problem.Unjudged(judgmentOf(row.Entry.Payload)) {
			row.SetAside = "unjudged"
			return row, nil
		}
		if s.opts.Force && !invented(problem, unwrapped(row.Entry.Payload)) {
			return row, nil
		}
		name := "it"
		if problem.Field != "" {
			name = problem.Field
		}
		row.Err = &engram.ContentError{Err: fmt.Errorf("the server would refuse it: %s %s", name, problem.Reason)}
	}
	return row, nil
}

// Form is what the journal of a server from 2.0 on makes of a mutation: what is not known
// of it is gone there, and texts are trimmed. What has no such form stays as it is, as
// older servers keep everything; and another project's row is another one, whatever
// it says. Source: engram-2.md 4.5.
func (s *Project) Form(e engram.MutationEntry) engram.MutationEntry {
	if engram.NormalizeProject(e.Project) != s.project {
		e.Entity = e.Project + " " + e.Entity
		return e
	}
	e.Payload = unwrapped(e.Payload)
	formed, problem := canon.Of(engram.Gen3).Entry(e, s.project)
	if problem != nil {
		return e
	}
	return formed
}

func judgmentOf(payload json.RawMessage) string {
	var relation struct {
		Status string `json:"judgment_status"`
	}
	_ = json.Unmarshal(unwrapped(payload), &relation) // what is none has none
	return relation.Status
}

// invented says whether a server would not refuse a row but make up what it lacks: from 2.0 on
// they fill a member that is absent, and put names such as legacy-ID into the journal.
// Source: engram-2.md 4.5.
func invented(problem *canon.RowError, payload json.RawMessage) bool {
	var members map[string]json.RawMessage
	if problem.Reason != canon.Blank || json.Unmarshal(payload, &members) != nil {
		return false
	}
	for name, value := range members {
		if strings.EqualFold(name, problem.Field) && string(value) != "null" {
			return false
		}
	}
	return true
}

// unwrapped is a payload that is an object, where it can be a string that holds one.
func unwrapped(payload json.RawMessage) json.RawMessage {
	var inner string
	if json.Unmarshal(payload, &inner) == nil {
		return json.RawMessage(inner)
	}
	return payload
}

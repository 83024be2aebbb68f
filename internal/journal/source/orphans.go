package source

import (
	"cmp"
	"context"
	"encoding/json"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/mend"
	"github.com/engram-sync/engram-sync/internal/rowtime"
)

// orphans are the rows of a source that no row before them brings the session of. What
// engram has marked as sent brings nothing: 1.9.4 marks what it did not send.
// Source: local-state.md 2.5.
type orphans struct {
	brought map[string]bool   // the sessions that rows have brought so far
	of      map[int64]string  // the session that a row needs, by position
	from    map[string]string // when the oldest row of such a session was made
}

func newOrphans() orphans {
	return orphans{brought: map[string]bool{}, of: map[int64]string{}, from: map[string]string{}}
}

// see takes the next row that goes. session is where it belongs.
func (o *orphans) see(row journal.Row, session string) {
	e := row.Entry
	switch {
	case session == "" || e.Entity == "relation":
	case e.Entity == "session" && e.Op == "upsert":
		o.brought[session] = true
	case e.Entity == "session":
		delete(o.brought, session)
	case e.Op == "upsert" && !o.brought[session]:
		o.of[row.Position] = session
		o.from[session] = earlier(o.from[session], e.Payload)
	}
}

// earlier is the older of a time and that of a row, of those that are one.
func earlier(have string, payload json.RawMessage) string {
	var row struct {
		Created string `json:"created_at"`
	}
	_ = json.Unmarshal(unwrapped(payload), &row) // what it cannot read stays empty
	a, b := rowtime.Parse(have), rowtime.Parse(row.Created)
	if b.IsZero() || !a.IsZero() && cmp.Or(a.Compare(b), cmp.Compare(have, row.Created)) <= 0 {
		return have
	}
	return row.Created
}

// Sessions implements journal.Parents: the session as engram's database or a chunk has
// it, or else as another row of the source does, which is another project's, or marked
// as sent. It is filed under the project, as project servers do with a session that
// a chunk of the project needs. One that nobody has is added by the rule of chunks,
// unless nothing is to be mended. Source: project-server.md 3.3.
func (s *Project) Sessions(ctx context.Context, ids []string) (map[string]journal.Parent, error) {
	var nowhere []string
	for _, id := range ids {
		if !s.orphans.brought[id] { // by a later row
			nowhere = append(nowhere, id)
		}
	}
	rows, err := s.sessionRows(ctx, nowhere)
	if err != nil {
		return nil, err
	}
	parents := map[string]journal.Parent{}
	for _, id := range nowhere {
		text, known := rows[id]
		if !known && s.opts.Strict {
			continue
		}
		if !known {
			text, _ = json.Marshal(mend.Stub(id, s.project, s.orphans.from[id])) // plain data
		}
		row, err := s.prepare(ctx, journal.Row{Entry: engram.MutationEntry{
			Entity: "session", EntityKey: id, Op: "upsert", Project: s.project, Payload: s.filed(text),
		}})
		if err != nil {
			return nil, err
		}
		if row.Err == nil {
			parents[id] = journal.Parent{Entry: row.Entry, Fills: row.Fills, Stub: !known}
		}
	}
	return parents, nil
}

// sessionRows finds what somebody knows of sessions.
func (s *Project) sessionRows(ctx context.Context, ids []string) (rows map[string]json.RawMessage, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	if s.opts.Sessions != nil {
		if rows, err = s.opts.Sessions(ctx, ids); err != nil {
			return nil, err
		}
	}
	wanted := map[string]bool{}
	for _, id := range ids {
		if _, known := rows[id]; !known {
			wanted[id] = true
		}
	}
	if rows == nil {
		rows = map[string]json.RawMessage{}
	}
	for row, err := range s.Source.Rows(ctx, 0) {
		if err != nil {
			return nil, err
		}
		if e := row.Entry; e.Entity == "session" && e.Op == "upsert" && wanted[e.EntityKey] && row.Err == nil && row.SetAside == "" {
			rows[e.EntityKey] = unwrapped(e.Payload)
		}
	}
	return rows, nil
}

// filed puts a session into the project. One that is there already keeps its bytes.
func (s *Project) filed(row json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	var named string
	if json.Unmarshal(row, &members) != nil || members == nil {
		return row
	}
	if json.Unmarshal(members["project"], &named) == nil && engram.NormalizeProject(named) == s.project {
		return row
	}
	members["project"], _ = json.Marshal(s.project) // a string
	text, err := json.Marshal(members)
	if err != nil {
		return row // can't be: all of it was JSON
	}
	return text
}

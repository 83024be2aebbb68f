package cli

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// model is a small model of what engram does with chunks: what a machine has
// after `engram sync --import`. Source: local-state.md 1.4.
type model struct {
	legacy bool // 1.9.4
	rows   engram.ChunkRows
}

// load imports one chunk that the machine has not seen.
func (m *model) load(chunk engram.ChunkRows) error {
	for _, s := range chunk.Sessions {
		m.session(s)
	}
	for _, o := range chunk.Observations {
		if err := m.need(o.SessionID); err != nil {
			return err
		}
		m.observation(o)
	}
	for _, p := range chunk.Prompts {
		if err := m.need(p.SessionID); err != nil {
			return err
		}
		i := slices.IndexFunc(m.rows.Prompts, func(old engram.Prompt) bool { return old.SyncID == p.SyncID })
		if i < 0 || m.legacy {
			m.rows.Prompts = append(m.rows.Prompts, p)
			continue
		}
		m.rows.Prompts[i] = p
	}
	return nil
}

// session: 1.9.4 inserts or ignores, 1.16.1 replaces, but for ends and summaries
// that are not there.
func (m *model) session(s engram.Session) {
	i := slices.IndexFunc(m.rows.Sessions, func(old engram.Session) bool { return old.ID == s.ID })
	switch {
	case i < 0:
		m.rows.Sessions = append(m.rows.Sessions, s)
	case !m.legacy:
		old := m.rows.Sessions[i]
		s.EndedAt, s.Summary = cmp.Or(s.EndedAt, old.EndedAt), cmp.Or(s.Summary, old.Summary)
		m.rows.Sessions[i] = s
	}
}

// observation: 1.9.4 always inserts, 1.16.1 goes by sync_id.
func (m *model) observation(o engram.Observation) {
	i := slices.IndexFunc(m.rows.Observations, func(old engram.Observation) bool { return old.SyncID == o.SyncID })
	switch {
	case m.legacy || i < 0 && o.DeletedAt == nil:
		m.rows.Observations = append(m.rows.Observations, o)
	case i >= 0:
		m.rows.Observations[i] = o
	}
}

// need: 1.9.4 stops at rows without a session, 1.16.1 makes one up.
func (m *model) need(session string) error {
	if slices.ContainsFunc(m.rows.Sessions, func(s engram.Session) bool { return s.ID == session }) {
		return nil
	}
	if m.legacy {
		return fmt.Errorf("FOREIGN KEY constraint failed: session %s", session)
	}
	m.rows.Sessions = append(m.rows.Sessions, engram.Session{ID: session})
	return nil
}

// current are the texts that the machine shows, by sync_id: of twins the one that
// was changed last. Deleted ones are not shown.
func (m *model) current() map[string]string {
	newest := map[string]engram.Observation{}
	for _, o := range m.rows.Observations {
		if old, ok := newest[o.SyncID]; !ok || o.UpdatedAt >= old.UpdatedAt {
			newest[o.SyncID] = o
		}
	}
	texts := map[string]string{}
	for id, o := range newest {
		if o.DeletedAt == nil {
			texts[id] = o.Title
		}
	}
	for _, p := range m.rows.Prompts {
		texts[p.SyncID] = p.Content
	}
	for _, s := range m.rows.Sessions {
		if s.Summary != nil {
			texts[s.ID] = *s.Summary
		}
	}
	return texts
}

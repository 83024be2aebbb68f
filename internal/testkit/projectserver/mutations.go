package projectserver

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

const maxEntries = 100

// pushMutations takes a batch whole or not at all. It checks in the server's
// order: body, size of the batch, projects, allowlist, pause, relations, the rest (13).
func (s *Server) pushMutations(w http.ResponseWriter, r *http.Request, from caller) {
	var req struct {
		Entries []engram.MutationEntry `json:"entries"`
	}
	if bad := s.readBody(w, r, &req, "invalid request body: "); bad != nil {
		if bad.status == http.StatusBadRequest {
			writeText(w, bad.status, bad.text)
			return
		}
		bad.write(w)
		return
	}
	if s.traits.codec {
		for i := range req.Entries {
			req.Entries[i].Project = engram.NormalizeProject(req.Entries[i].Project) // which closes T1
		}
	}
	if !s.entriesMayCome(w, from, req.Entries) {
		return
	}
	seqs, err := s.storeBatch(r, req.Entries, from)
	if err != nil {
		writeText(w, http.StatusInternalServerError, "insert mutations: cloudstore: "+err.Error())
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"accepted_seqs": seqs, "project": strings.TrimSpace(req.Entries[0].Project),
		"project_path": "", "project_source": "request_body",
	})
}

// entriesMayCome answers a batch that is refused before it gets to the store.
func (s *Server) entriesMayCome(w http.ResponseWriter, from caller, entries []engram.MutationEntry) bool {
	if len(entries) == 0 {
		emptyBatch.write(w)
		return false
	}
	if len(entries) > maxEntries {
		writeText(w, http.StatusBadRequest, fmt.Sprintf("batch too large: max %d entries per request", maxEntries))
		return false
	}
	for _, e := range entries {
		if strings.TrimSpace(e.Project) == "" {
			emptyProject.write(w)
			return false
		}
	}
	for _, e := range entries {
		if bad := s.mayUse(from, engram.NormalizeProject(e.Project)); bad != nil {
			bad.write(w)
			return false
		}
	}
	if paused := s.firstPaused(entries); paused != "" {
		pausedBy(paused, strings.TrimSpace(entries[0].Project)).write(w)
		return false
	}
	if s.traits.codec {
		return s.inForm(w, entries)
	}
	if bad := badRelations(entries); len(bad) > 0 {
		writeJSON(w, http.StatusBadRequest, map[string]any{
			"error": "invalid relation payload", "reason_code": "validation_error", "invalid": bad,
		})
		return false
	}
	return true
}

// firstPaused is the first paused project of a batch. It is looked for in the
// spelling of the entry: PROJ-B gets past a pause of proj-b (T1).
func (s *Server) firstPaused(entries []engram.MutationEntry) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entries {
		if project := strings.TrimSpace(e.Project); s.paused[project] {
			return project
		}
	}
	return ""
}

// badEntry is one that is refused, and by which field.
type badEntry struct {
	Entity string `json:"entity"`
	Field  string `json:"field"`
	Index  int    `json:"index"`
}

// badRelations are all entries that are relations, and the first bad field of
// each. The op doesn't matter, and a padded name is not looked at (13).
func badRelations(entries []engram.MutationEntry) []badEntry {
	var bad []badEntry
	for i, e := range entries {
		if e.Entity != "relation" {
			continue
		}
		var fields map[string]any
		_ = json.Unmarshal(e.Payload, &fields) // what is no object has no fields
		for _, name := range []string{"sync_id", "source_id", "target_id", "relation", "judgment_status", "marked_by_actor", "marked_by_kind"} {
			if text, _ := fields[name].(string); strings.TrimSpace(text) == "" {
				bad = append(bad, badEntry{Entity: e.Entity, Field: name, Index: i})
				break
			}
		}
	}
	return bad
}

// storeBatch files a batch in the journal, and its chunks in their projects. It
// may be kept waiting before it commits (see HoldNextPush).
func (s *Server) storeBatch(r *http.Request, entries []engram.MutationEntry, from caller) ([]int64, error) {
	rows := journalled(entries)
	derived, err := s.traits.deriveChunks(rows)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seqs := make([]int64, len(rows))
	for i := range rows {
		if err := insertable(&rows[i]); err != nil {
			if s.traits.codec {
				err = fmt.Errorf("index %d, entity %q, key %q: %w", i, rows[i].Entity, rows[i].EntityKey, err)
			}
			return nil, fmt.Errorf("insert mutation: %w", err) // rolled back; the numbers of those before are gone
		}
		rows[i].Seq, rows[i].OccurredAt = s.takeSeq(), s.now()
		seqs[i] = rows[i].Seq
	}
	if err := s.waitIfHeld(r.Context()); err != nil {
		return nil, err // rolled back as well
	}
	for _, d := range derived {
		if err := indexable(d.sessions); err != nil {
			return nil, err
		}
	}
	s.commit(rows)
	createdBy := "mutation-push"
	if s.traits.codec {
		createdBy = cmp.Or(from.name, "unknown") // engram-2.md 4.5
	}
	return seqs, s.addDerived(derived, createdBy)
}

// addDerived stores chunks that the server makes itself; s.mu is held.
func (s *Server) addDerived(derived []derivedChunk, createdBy string) error {
	for _, d := range derived {
		st := s.store(d.project)
		if st.find(d.id) != nil {
			continue
		}
		if _, err := s.add(st, entry{ID: d.id, CreatedBy: createdBy, CreatedAt: s.now()}, d.canonical); err != nil {
			return err
		}
	}
	return nil
}

// journalled gives the rows of the journal for a batch, as far as they are known
// before they have numbers. The project keeps its spelling, but for the ends (T1).
func journalled(entries []engram.MutationEntry) []engram.PullMutationResult {
	rows := make([]engram.PullMutationResult, len(entries))
	for i, e := range entries {
		if e.Payload == nil {
			e.Payload = json.RawMessage("null")
		}
		rows[i] = engram.PullMutationResult{
			Project: strings.TrimSpace(e.Project), Entity: strings.TrimSpace(e.Entity),
			EntityKey: strings.TrimSpace(e.EntityKey), Op: strings.TrimSpace(e.Op), Payload: e.Payload,
		}
	}
	return rows
}

// insertable makes of a row's payload what the database gives back, or gives the
// database's error.
func insertable(row *engram.PullMutationResult) error {
	for _, text := range []string{row.Entity, row.EntityKey, row.Op} {
		if err := textual(text); err != nil {
			return err
		}
	}
	payload, err := jsonb(row.Payload)
	row.Payload = payload
	return err
}

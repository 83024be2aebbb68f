package projectserver

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// takeSeq gives the next number of the journal. Like a BIGSERIAL it never takes
// one back; s.mu is held.
func (s *Server) takeSeq() int64 {
	s.lastSeq++
	return s.lastSeq
}

// commit makes rows, of ascending numbers, visible at the places of these; s.mu is held.
func (s *Server) commit(rows []engram.PullMutationResult) {
	n := len(s.journal)
	late := n > 0 && len(rows) > 0 && rows[0].Seq < s.journal[n-1].Seq
	s.journal = append(s.journal, rows...)
	if late { // most are not, and there may be many
		slices.SortFunc(s.journal, func(a, b engram.PullMutationResult) int { return int(a.Seq - b.Seq) })
	}
}

// journalRows files one upsert for each row of a pushed chunk. Of its mutations
// nothing was filed at first, so that deletes and relations never reached who pulled
// the journal (3.5); then relations were, and since 2.x deletes are. Upserts among
// them still are not (engram-2.md 4.3). s.mu is held.
func (s *Server) journalRows(project string, rows typedChunk) {
	for _, row := range rows.Sessions {
		s.journalRow(project, "session", row.ID, "upsert", row)
	}
	for _, row := range rows.Observations {
		s.journalRow(project, "observation", row.SyncID, "upsert", row)
	}
	for _, row := range rows.Prompts {
		s.journalRow(project, "prompt", row.SyncID, "upsert", row)
	}
	for _, m := range rows.Mutations {
		if m.Entity == "relation" && s.traits.relations || m.Op == "delete" && s.traits.deletes {
			s.journalRow(project, m.Entity, m.EntityKey, m.Op, json.RawMessage(m.Payload))
		}
	}
}

func (s *Server) journalRow(project, entity, key, op string, row any) {
	text, err := json.Marshal(row)
	if err == nil {
		text, err = jsonb(text)
	}
	if err != nil {
		panic("a row of a stored chunk is not storable: " + err.Error()) // the chunk was stored before
	}
	s.commit([]engram.PullMutationResult{{
		Seq: s.takeSeq(), Project: project, Entity: entity, EntityKey: strings.TrimSpace(key),
		Op: op, Payload: text, OccurredAt: s.now(),
	}})
}

const maxPage = 100

// pullMutations gives a page of the journal of all allowed projects. The
// stored spelling of a project is compared, not the normalised one (T1).
func (s *Server) pullMutations(w http.ResponseWriter, r *http.Request, from caller) {
	if from.nobody {
		noPrincipal.write(w)
		return
	}
	query := r.URL.Query()
	since, err := strconv.ParseInt(strings.TrimSpace(query.Get("since_seq")), 10, 64) // a literal + decodes to a blank
	if err != nil {
		since = 0 // T5
	}
	limit, err := strconv.Atoi(query.Get("limit"))
	if err != nil || limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	page := page{Mutations: []engram.PullMutationResult{}, Project: from.firstProject(), ProjectSource: "request_body"}
	s.mu.Lock()
	for _, row := range s.journal {
		if row.Seq <= since || !from.allows(row.Project) {
			continue
		}
		if len(page.Mutations) == limit {
			page.HasMore = true
			break
		}
		page.Mutations = append(page.Mutations, row)
		page.LatestSeq = row.Seq
	}
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, page)
}

// page is an answer of the journal. LatestSeq is that of the page, and 0 if it is empty (T5).
type page struct {
	HasMore       bool                        `json:"has_more"`
	LatestSeq     int64                       `json:"latest_seq"`
	Mutations     []engram.PullMutationResult `json:"mutations"`
	Project       string                      `json:"project"`
	ProjectPath   string                      `json:"project_path"`
	ProjectSource string                      `json:"project_source"`
}

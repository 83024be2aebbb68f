package projectserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// entry is a line of the manifest.
type entry struct {
	ID        string `json:"id"`
	CreatedBy string `json:"created_by"`
	CreatedAt string `json:"created_at"`
	Sessions  int    `json:"sessions"`
	Memories  int    `json:"memories"`
	Prompts   int    `json:"prompts"`
}

// chunk is a stored chunk; its body is what the database makes of it.
type chunk struct {
	entry entry
	body  []byte
}

// pushRequest has no name of its own, since errors of the decoder tell the name.
type pushRequest = struct {
	ChunkID         string          `json:"chunk_id"`
	CreatedBy       string          `json:"created_by"`
	ClientCreatedAt string          `json:"client_created_at"`
	Project         string          `json:"project"`
	Data            json.RawMessage `json:"data"`
}

// pushChunk checks in the server's order: body, data, project, allowlist, pause, content (13).
func (s *Server) pushChunk(w http.ResponseWriter, r *http.Request, from caller) {
	var req pushRequest
	if bad := s.readChunk(w, r, &req); bad != nil {
		bad.write(w)
		return
	}
	if req.Data == nil {
		invalid("data is required").write(w)
		return
	}
	project := engram.NormalizeProject(req.Project)
	if project == "" {
		project = engram.NormalizeProject(r.URL.Query().Get("project"))
	}
	if bad := s.mayUse(from, project); bad != nil {
		bad.write(w)
		return
	}
	id, bad := s.storePushed(project, req)
	if bad != nil {
		bad.write(w)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"chunk_id": id, "status": "ok"})
}

// mayUse is the answer to a project that is missing or not allowed, or nil.
func (s *Server) mayUse(c caller, project string) *refusal {
	switch {
	case project == "":
		return projectRequired
	case c.nobody:
		return noPrincipal
	case !c.allows(project) && s.traits.named:
		return forbidden(project)
	case !c.allows(project):
		return forbidden("")
	}
	return nil
}

// storePushed stores a chunk and files its rows in the journal.
func (s *Server) storePushed(project string, req pushRequest) (id string, bad *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paused[project] {
		return "", pausedBy(project, project)
	}
	createdAt, bad := s.createdAt(req.ClientCreatedAt)
	if bad != nil {
		return "", bad
	}
	st := s.store(project)
	canonical, bad := st.accept(s.traits.form(), project, req.Data)
	if bad != nil {
		return "", bad
	}
	id = idOf(canonical)
	if stored := st.find(id); stored != nil {
		// What the database gives back has no -0: pushed twice, such a chunk differs (A8).
		if again, err := canon.Encode(stored.body); err != nil || !bytes.Equal(again, canonical) {
			return "", conflict(id)
		}
		return id, nil
	}
	if err := textual(req.CreatedBy); err != nil {
		return "", internal("write chunk: cloudstore: write chunk: " + err.Error())
	}
	rows, err := s.add(st, entry{ID: id, CreatedBy: strings.TrimSpace(req.CreatedBy), CreatedAt: createdAt}, canonical)
	if err != nil {
		return "", internal("write chunk: cloudstore: " + err.Error())
	}
	s.journalRows(project, rows)
	return id, nil
}

func (s *Server) createdAt(given string) (string, *refusal) {
	if given = strings.TrimSpace(given); given == "" {
		return s.now(), nil
	}
	at, err := time.Parse(time.RFC3339, given)
	if err != nil {
		return "", invalid("client_created_at must be RFC3339")
	}
	return at.UTC().Format(time.RFC3339), nil
}

func (st *store) find(id string) *chunk {
	for _, c := range st.chunks {
		if c.entry.ID == id {
			return c
		}
	}
	return nil
}

// add stores a canonical chunk and remembers its sessions. It gives the rows in
// the server's types.
func (s *Server) add(st *store, e entry, canonical []byte) (typedChunk, error) {
	var rows typedChunk
	body, err := jsonb(canonical)
	if err != nil {
		return rows, fmt.Errorf("write chunk: %w", err)
	}
	if err := json.Unmarshal(canonical, &rows); err != nil {
		return rows, err
	}
	if err := indexable(rows.sessionIDs()); err != nil {
		return rows, err
	}
	e.Sessions, e.Memories, e.Prompts = len(rows.Sessions), len(rows.Observations), len(rows.Prompts)
	st.chunks = append(st.chunks, &chunk{entry: e, body: body})
	for _, id := range rows.sessionIDs() {
		st.sessions[id] = true
	}
	s.traits.forget(&rows)
	return rows, nil
}

func (s *Server) pullManifest(w http.ResponseWriter, r *http.Request, from caller) {
	project := engram.NormalizeProject(r.URL.Query().Get("project"))
	if bad := s.mayUse(from, project); bad != nil {
		bad.write(w)
		return
	}
	manifest := struct {
		Version int     `json:"version"`
		Chunks  []entry `json:"chunks"`
	}{Version: s.traits.manifest, Chunks: []entry{}}
	s.mu.Lock()
	for _, c := range s.store(project).chunks {
		manifest.Chunks = append(manifest.Chunks, c.entry)
	}
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, manifest)
}

func (s *Server) pullChunk(w http.ResponseWriter, r *http.Request, from caller) {
	id := strings.TrimSpace(r.PathValue("chunkID"))
	if id == "" {
		writeText(w, http.StatusBadRequest, "chunkID is required")
		return
	}
	project := engram.NormalizeProject(r.URL.Query().Get("project"))
	if bad := s.mayUse(from, project); bad != nil {
		bad.write(w)
		return
	}
	if err := textual(id); err != nil {
		writeText(w, http.StatusInternalServerError, "read chunk: cloudstore: read chunk: "+err.Error())
		return
	}
	s.mu.Lock()
	c := s.store(project).find(id)
	s.mu.Unlock()
	if c == nil {
		writeText(w, http.StatusNotFound, fmt.Sprintf("read chunk: cloudstore: chunk not found: %q", id))
		return
	}
	s.writeBody(w, r, c.body)
}

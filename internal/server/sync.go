package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

type pushReply struct {
	ChunkID            string `json:"chunk_id"`
	ObservationsStored int    `json:"observations_stored"`
	PromptsStored      int    `json:"prompts_stored"`
	SessionsStored     int    `json:"sessions_stored"`
	Status             string `json:"status"`
}

// push serves POST /sync/push. What it accepts is on disk.
func (s *Server) push(w http.ResponseWriter, r *http.Request, u user) error {
	body, file, err := s.startSpool(w, r, maxPushBytes)
	if err != nil {
		return err
	}
	defer s.discard(r.Context(), file)
	in, err := file.receive(body)
	if err != nil {
		return err
	}
	err = s.chunks.put(r.Context(), u.id, in, s.now())
	if errors.Is(err, errDifferentContent) {
		return refuse(http.StatusConflict, "chunk %s already exists with different content", in.chunkID)
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, pushReply{
		ChunkID:            in.chunkID,
		ObservationsStored: in.memories,
		PromptsStored:      in.prompts,
		SessionsStored:     in.sessions,
		Status:             "accepted",
	})
}

// startSpool gives the body of a request, which fails behind limit bytes, and a
// file to spool it to. The caller discards that.
func (s *Server) startSpool(w http.ResponseWriter, r *http.Request, limit int64) (io.Reader, *spool, error) {
	body, err := limitBody(w, r, limit)
	if err != nil {
		return nil, nil, err
	}
	file, err := s.spools.create()
	return body, file, err
}

// discard removes a spool file. That it stays harms no request.
func (s *Server) discard(ctx context.Context, file *spool) {
	if err := file.remove(); err != nil {
		s.log.ErrorContext(ctx, "a spool file stays", "error", err.Error())
	}
}

type manifestReply struct {
	Chunks  []manifestEntry `json:"chunks"`
	Version int             `json:"version"`
}

// pullManifest serves GET /sync/pull. It costs little to ask again with
// If-None-Match.
func (s *Server) pullManifest(w http.ResponseWriter, r *http.Request, u user) error {
	unchanged := false
	tag, entries, err := s.chunks.manifest(r.Context(), u.id, func(tag string) bool {
		unchanged = hasTag(r.Header.Values("If-None-Match"), quoteTag(tag))
		return unchanged
	})
	if err != nil {
		return err
	}
	w.Header().Set("ETag", quoteTag(tag))
	if unchanged {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return writeJSON(w, http.StatusOK, manifestReply{Chunks: entries, Version: 1})
}

// pullChunk serves GET /sync/pull/{chunk_id}: the body of the push, byte for
// byte, in whole or in ranges.
func (s *Server) pullChunk(w http.ResponseWriter, r *http.Request, u user) error {
	id := r.PathValue("chunk_id")
	if !isChunkID(id) {
		return refuse(http.StatusNotFound, "%s", errNoChunk)
	}
	body, err := s.chunks.body(r.Context(), u.id, id)
	if errors.Is(err, errNoChunk) {
		return refuse(http.StatusNotFound, "%s", errNoChunk)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", quoteTag(body.sum))
	http.ServeContent(w, r, "", time.Time{}, body)
	if body.err != nil && r.Context().Err() == nil {
		// The client sees it too: the http.Server cuts the connection, since
		// less came than Content-Length says.
		s.log.ErrorContext(r.Context(), "a chunk could not be sent whole", "chunk", id, "error", body.err.Error())
	}
	return nil
}

func quoteTag(tag string) string { return `"` + tag + `"` }

// hasTag says whether If-None-Match headers name tag. Ours have no commas.
func hasTag(headers []string, tag string) bool {
	for candidate := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == tag {
			return true
		}
	}
	return false
}

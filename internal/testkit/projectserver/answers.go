package projectserver

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// refusal is an error of the shape {"error","error_class","error_code"}; with a
// project, three members more say whose pause it is.
type refusal struct {
	status            int
	class, code, text string
	project           string
}

var (
	projectRequired = &refusal{http.StatusBadRequest, "blocked", "upgrade_blocked_project_required", "project is required", ""}
	noPrincipal     = &refusal{http.StatusForbidden, "policy", "policy_forbidden", "forbidden: principal is required", ""}
	emptyBatch      = &refusal{http.StatusBadRequest, "repairable", "empty_batch", "mutation batch must contain at least one entry", ""}
	emptyProject    = &refusal{http.StatusBadRequest, "invalid_request", "empty_project", "mutation entries must specify a project", ""}
)

// forbidden is the answer to a project that is not allowed, which newer releases name.
func forbidden(name string) *refusal {
	if name != "" {
		name = fmt.Sprintf("%q ", name)
	}
	return &refusal{http.StatusForbidden, "policy", "policy_forbidden", "forbidden: project " + name + "is not allowed", ""}
}

func invalid(text string) *refusal {
	return &refusal{http.StatusBadRequest, "repairable", "upgrade_repairable_payload_invalid", text, ""}
}

func internal(text string) *refusal {
	return &refusal{http.StatusInternalServerError, "blocked", "upgrade_blocked_internal", text, ""}
}

// tooLarge says so of a body, or of what it was before it was compressed.
func tooLarge(limit int64, decoded string) *refusal {
	return &refusal{http.StatusRequestEntityTooLarge, "repairable", "upgrade_repairable_payload_too_large",
		fmt.Sprintf("%spush payload too large (max %d bytes)", decoded, limit), ""}
}

// unknownType is the answer to a Content-Type that cannot be parsed, or is of another
// version. Of its text only the code was read.
func unknownType(contentType string) *refusal {
	return &refusal{http.StatusUnsupportedMediaType, "repairable", "upgrade_repairable_payload_invalid",
		fmt.Sprintf("unsupported content type %q", contentType), ""}
}

func conflict(id string) *refusal {
	return &refusal{http.StatusConflict, "repairable", "upgrade_repairable_chunk_conflict",
		fmt.Sprintf("write chunk: cloudstore: chunk id conflict: existing chunk %q has different payload", id), ""}
}

// pausedBy is the answer to a push to a paused project. named is the project that
// it names: in a batch of mutations the first, not the paused one (4.3).
func pausedBy(paused, named string) *refusal {
	return &refusal{http.StatusConflict, "policy", "sync-paused", fmt.Sprintf("sync is paused for project %q", paused), named}
}

func (r *refusal) write(w http.ResponseWriter) {
	body := map[string]any{"error": r.text, "error_class": r.class, "error_code": r.code}
	if r.project != "" {
		body["project"], body["project_path"], body["project_source"] = r.project, "", "request_body"
	}
	writeJSON(w, r.status, body)
}

// writeText is the shape of 401s, of missing chunks and of most errors of mutations.
func writeText(w http.ResponseWriter, status int, text string) { http.Error(w, text, status) }

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		writeText(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // who has gone reads no answer
}

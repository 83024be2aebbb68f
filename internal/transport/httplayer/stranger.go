package httplayer

import (
	"errors"
	"net/http"
	"regexp"
	"sync"
)

// ownWords are those with which servers of either kind refuse a request, where they
// give no code. Source: account-server.md 1.3, 3.1, 4.1, project-server.md 1, 4.1.
// Codes come with a class in every recorded answer (project-server.md 14).
var ownWords = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:invalid json: |invalid request body: |failed to read body|chunk_id must be |created_by must be |chunkID is required|` +
		`mutations\[\d|Idempotency-Key must be |invalid since_seq|invalid relation payload|batch too large: |(?:request body|(?:decoded )?push payload) too large \(max |` +
		`chunk not found|forbidden: (?:project|principal) |(?:read chunk: )?cloudstore: )`)
})

// Stranger says whether a refusal is none of engram's, but of a proxy or gateway
// before it, or of whatever else is at the URL. It says nothing about what was sent,
// and every other request would meet it too.
func (e *StatusError) Stranger() bool {
	if !errors.Is(e.Class, ErrRefused) {
		return e.ToAll
	}
	switch e.Status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		return e.ToAll || e.Code == "" && !ownWords().MatchString(e.Message)
	}
	return e.ToAll
}

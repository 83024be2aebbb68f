package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Sizes of pages in rows (account-server.md 4.3).
const (
	defaultPage = 100
	maxPage     = 1000
)

// maxKeyBytes bounds an idempotency key.
const maxKeyBytes = 128

// sendBytes is how much of a page is written at a time: each piece gives a slow
// client progressTimeout anew.
const sendBytes = 64 << 10

type mutationsReply struct {
	Accepted int   `json:"accepted"`
	LastSeq  int64 `json:"last_seq"`
}

// pushMutations serves POST /sync/mutations/push: it adds all of a batch or
// nothing. What it accepts is on disk. A request that repeats the
// Idempotency-Key of another adds nothing: it gets that one's reply and the
// header Idempotent-Replayed, or 409 if it holds other mutations.
// Source: account-server.md 4.1; the key is ours.
func (s *Server) pushMutations(w http.ResponseWriter, r *http.Request, u user) error {
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	body, file, err := s.startSpool(w, r, maxMutationsBytes)
	if err != nil {
		return err
	}
	defer s.discard(r.Context(), file)
	if err := file.fill(body, func([]byte) error { return nil }); err != nil {
		return err
	}
	rc, err := s.store(r, u, key, file)
	if errors.Is(err, errOtherContent) {
		return refuse(http.StatusConflict, "%s", errOtherContent)
	}
	if err != nil {
		return err
	}
	if rc.replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	return writeJSON(w, http.StatusOK, mutationsReply{rc.accepted, rc.lastSeq})
}

// store appends the batch that was spooled to file.
func (s *Server) store(r *http.Request, u user, key string, file *spool) (receipt, error) {
	if err := s.journal.batches.take(r.Context()); err != nil {
		return receipt{}, err
	}
	defer s.journal.batches.give()
	text, err := io.ReadAll(file.file)
	if err != nil {
		return receipt{}, fmt.Errorf("%w: %w", errSpool, err)
	}
	b, err := parseBatch(text)
	if err != nil {
		return receipt{}, err
	}
	return s.journal.append(r.Context(), u.id, key, b)
}

// idempotencyKey reads the request's key, "" if it has none.
func idempotencyKey(r *http.Request) (string, error) {
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) == 0 {
		return "", nil
	}
	key := keys[0]
	visible := !strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c > '~' })
	if len(keys) > 1 || key == "" || len(key) > maxKeyBytes || !visible {
		return "", &refusal{
			status: http.StatusBadRequest,
			text:   fmt.Sprintf("Idempotency-Key must be one text of 1 to %d visible ASCII characters", maxKeyBytes),
			drain:  maxMutationsBytes,
		}
	}
	return key, nil
}

// pullMutations serves GET /sync/mutations/pull: the account's rows behind
// since_seq. Unlike the reference server's, they become visible in the order of
// their numbers, so that a reader who goes on behind the last row misses
// nothing: the header Engram-Sync-Journal says so. Engram-Sync-Head is the
// number of the newest row at the moment of the page, 0 in an empty journal.
// Source: account-server.md 4.3; the headers are ours.
func (s *Server) pullMutations(w http.ResponseWriter, r *http.Request, u user) error {
	query := r.URL.Query()
	var since int64
	if text := query.Get("since_seq"); text != "" {
		var err error
		if since, err = strconv.ParseInt(text, 10, 64); err != nil {
			return refuse(http.StatusBadRequest, "invalid since_seq parameter")
		}
	}
	if err := s.journal.pages.take(r.Context()); err != nil {
		return err
	}
	defer s.journal.pages.give()
	p, err := s.journal.page(r.Context(), u.id, since, pageLimit(query.Get("limit")))
	if err != nil {
		return err
	}
	head, tail := []byte(`{"mutations":[`), fmt.Appendf(nil, `],"has_more":%t}`+"\n", p.hasMore)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(head)+len(p.mutations)+len(tail)))
	w.Header().Set("Engram-Sync-Journal", "commit-ordered")
	w.Header().Set("Engram-Sync-Head", strconv.FormatInt(p.head, 10))
	return send(w, head, p.mutations, tail)
}

// pageLimit reads the limit of a page: what is no good number is the default.
func pageLimit(text string) int {
	limit, err := strconv.Atoi(text)
	if err != nil || limit <= 0 {
		return defaultPage
	}
	return min(limit, maxPage)
}

// send writes a reply piece by piece. An error means that the client is gone, or
// too slow.
func send(w http.ResponseWriter, parts ...[]byte) error {
	for _, part := range parts {
		for piece := range slices.Chunk(part, sendBytes) {
			if _, err := w.Write(piece); err != nil {
				return fmt.Errorf("%w: %w", errClientGone, err)
			}
		}
	}
	return nil
}

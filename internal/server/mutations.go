package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/engram-sync/engram-sync/internal/server/pushbody"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

// Sizes of pages in rows (account-server.md 4.3).
const (
	defaultPage = 100
	maxPage     = 1000
)

// How many batches may be in memory while they are taken apart and stored, which
// a database does one after the other anyway; and how many pages while they are
// sent. A client that stops taking its page is cut off after progressTimeout.
const (
	batchesAtOnce = 4
	pagesAtOnce   = 32
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

// mutationHandlers serve the journals of /sync/mutations.
type mutationHandlers struct {
	store   store.Journals
	spools  spools
	batches slots
	pages   slots
}

func newMutationHandlers(st store.Journals, spools spools) *mutationHandlers {
	return &mutationHandlers{store: st, spools: spools, batches: make(slots, batchesAtOnce), pages: make(slots, pagesAtOnce)}
}

// push serves POST /sync/mutations/push: it adds all of a batch or
// nothing. What it accepts is on disk. A request that repeats the
// Idempotency-Key of another adds nothing: it gets that one's reply and the
// header Idempotent-Replayed, or 409 if it holds other mutations.
// Source: account-server.md 4.1; the key is ours.
func (h *mutationHandlers) push(w http.ResponseWriter, r *http.Request, u store.User) error {
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	body, file, err := h.spools.start(w, r, maxMutationsBytes)
	if err != nil {
		return err
	}
	defer h.spools.discard(r.Context(), file)
	if err := file.fill(body, func([]byte) error { return nil }); err != nil {
		return err
	}
	receipt, err := h.append(r.Context(), u.ID, key, file)
	if err != nil {
		return err
	}
	if receipt.Replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	return writeJSON(w, http.StatusOK, mutationsReply{receipt.Accepted, receipt.LastSeq})
}

// append stores the batch that was spooled to file. It waits for a slot first and
// for the database then: who holds a connection never waits for a slot.
func (h *mutationHandlers) append(ctx context.Context, userID, key string, file *spool) (store.Receipt, error) {
	if err := h.batches.take(ctx); err != nil {
		return store.Receipt{}, err
	}
	defer h.batches.give()
	text, err := io.ReadAll(file)
	if err != nil {
		return store.Receipt{}, err
	}
	batch, err := pushbody.ParseBatch(text)
	if err != nil {
		return store.Receipt{}, err
	}
	if key == "" && len(batch.Mutations) == 0 {
		return store.Receipt{}, nil
	}
	return h.store.AppendMutations(ctx, userID, key, batch)
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

// pull serves GET /sync/mutations/pull: the account's rows behind
// since_seq. Unlike the reference server's, they become visible in the order of
// their numbers, so that a reader who goes on behind the last row misses
// nothing: the header Engram-Sync-Journal says so. Engram-Sync-Head is the
// number of the newest row at the moment of the page, 0 in an empty journal.
// Source: account-server.md 4.3; the headers are ours.
func (h *mutationHandlers) pull(w http.ResponseWriter, r *http.Request, u store.User) error {
	query := r.URL.Query()
	var since int64
	if text := query.Get("since_seq"); text != "" {
		var err error
		if since, err = strconv.ParseInt(text, 10, 64); err != nil {
			return refuse(http.StatusBadRequest, "invalid since_seq parameter")
		}
	}
	if err := h.pages.take(r.Context()); err != nil {
		return err
	}
	defer h.pages.give()
	p := page{userID: u.ID, limit: pageLimit(query.Get("limit"))}
	// One more than the limit tells whether there are more.
	head, err := h.store.ReadMutations(r.Context(), u.ID, since, p.limit+1, p.add)
	if err = errors.Join(err, p.err); err != nil {
		return err
	}
	before, after := []byte(`{"mutations":[`), fmt.Appendf(nil, `],"has_more":%t}`+"\n", p.hasMore)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(before)+p.rows.Len()+len(after)))
	w.Header().Set("Engram-Sync-Journal", "commit-ordered")
	w.Header().Set("Engram-Sync-Head", strconv.FormatInt(head, 10))
	return send(w, before, p.rows.Bytes(), after)
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

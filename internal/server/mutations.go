package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/server/limits"
	"github.com/engram-sync/engram-sync/internal/server/pushbody"
	"github.com/engram-sync/engram-sync/internal/server/spool"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

// Sizes of pages in rows (account-server.md 4.3).
const (
	defaultPage = 100
	maxPage     = 1000
)

// maxKeyBytes bounds an idempotency key.
const maxKeyBytes = 128

// refusing is how long a batch of too many rows waits for its answer. Without that, who sends such
// batches again and again would take the processor from everybody.
const refusing = time.Second

// mutationHandlers serve the journals of /sync/mutations.
type mutationHandlers struct {
	store  store.Journals
	spools spool.Place
	pages  *spool.Shared[pageEnd]
	fair   *fairness
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
	body, file, err := spoolBody(h.spools, w, r, u, maxMutationsBytes)
	if err != nil {
		return err
	}
	defer file.Discard(r.Context())
	if err := file.Fill(body, pushbody.NewRowCounter().Feed); err != nil {
		if errors.Is(err, pushbody.ErrTooMany) {
			select {
			case <-time.After(refusing):
			case <-r.Context().Done():
			}
		}
		return err
	}
	receipt, err := h.append(r.Context(), u.ID, key, file)
	if err != nil {
		return err
	}
	if receipt.Replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	return writeJSON(w, http.StatusOK, reply{"accepted": receipt.Accepted, "last_seq": receipt.LastSeq})
}

// append stores the batch that was spooled to file. It waits for its turn first and
// for the database then: who holds a connection never waits for one.
func (h *mutationHandlers) append(ctx context.Context, userID, key string, file *spool.Spool) (store.Receipt, error) {
	leave, err := h.fair.database(ctx, userID)
	if err != nil {
		return store.Receipt{}, err
	}
	defer leave()
	text := make([]byte, file.Len())
	if _, err := io.ReadFull(file.Reader(), text); err != nil {
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
	p, err := h.page(r.Context(), u.ID, since, pageLimit(query.Get("limit")))
	if err != nil {
		return err
	}
	defer h.pages.Release(r.Context(), p)
	before, after := `{"mutations":[`, fmt.Sprintf(`],"has_more":%t}`+"\n", p.About.hasMore)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.FormatInt(int64(len(before)+len(after))+p.Len(), 10))
	w.Header().Set("Engram-Sync-Journal", "commit-ordered")
	w.Header().Set("Engram-Sync-Head", strconv.FormatInt(p.About.head, 10))
	return send(w, io.MultiReader(strings.NewReader(before), p.Reader(), strings.NewReader(after)))
}

// pageEnd is what there is to know of a page beside its rows.
type pageEnd struct {
	head    int64 // of the journal
	hasMore bool  // behind the page
}

// page gives one where it waits for its readers. Rows are only added: with the same head it is the same page.
func (h *mutationHandlers) page(ctx context.Context, userID string, since int64, limit int) (*spool.Answer[pageEnd], error) {
	leave, err := h.fair.database(ctx, userID) // one after the other
	if err != nil {
		return nil, err
	}
	defer leave()
	return h.pages.Get(ctx, userID, fmt.Sprint(since, limit), func(end pageEnd) (bool, error) {
		head, err := h.store.ReadMutations(ctx, userID, math.MaxInt64, 1, func(store.JournalRow) bool { return false })
		return head == end.head, err
	}, func(to *spool.Spool) (pageEnd, error) {
		return h.read(ctx, since, &page{userID: userID, limit: limit, rows: to, pace: h.fair.pace(userID)})
	})
}

// read fills a page.
func (h *mutationHandlers) read(ctx context.Context, since int64, p *page) (end pageEnd, err error) {
	// One more than the limit tells whether there are more.
	end.head, err = h.store.ReadMutations(ctx, p.userID, since, p.limit+1, func(row store.JournalRow) bool {
		more := p.add(row)
		p.pace.Step(ctx)
		return more
	})
	end.hasMore = p.hasMore
	return end, errors.Join(err, p.err)
}

// pageLimit reads the limit of a page: what is no good number is the default.
func pageLimit(text string) int {
	limit, err := strconv.Atoi(text)
	if err != nil || limit <= 0 {
		return defaultPage
	}
	return min(limit, maxPage)
}

// pageBytes bounds the mutations of one page as they go out; a single larger
// one is a page of its own. No mutation is larger than a push, or twice that,
// since the encoder escapes two characters which may come as they are.
const pageBytes = 8 << 20

// page collects a part of a journal as it goes out, a row at a time.
type page struct {
	userID  string
	limit   int
	n       int
	rows    *spool.Spool // JSON objects with commas between them
	pace    *limits.Pace
	head    bytes.Buffer
	hasMore bool // there is a row behind them
	err     error
}

// add takes in the next row. false says that the page is full, or broken.
func (p *page) add(row store.JournalRow) bool {
	if p.n == p.limit {
		p.hasMore = true
		return false
	}
	before, after, err := p.around(row)
	if err != nil {
		p.err = err
		return false
	}
	size := len(before) + len(row.Payload) + len(after)
	if p.n > 0 && p.rows.Len()+int64(size) > pageBytes {
		p.hasMore = true
		return false
	}
	for _, part := range [][]byte{before, row.Payload, after} {
		if _, p.err = p.rows.Write(part); p.err != nil {
			return false
		}
	}
	p.n++
	return true
}

// rowHead are the first members of a row's JSON. Source: account-server.md 4.3.
type rowHead struct {
	Seq       int64  `json:"seq"`
	UserID    string `json:"user_id"`
	Entity    string `json:"entity"`
	EntityKey string `json:"entity_key"`
	Op        string `json:"op"`
}

// around gives what stands before and behind the payload of a row, until it is called
// again. The encoder would change the payload's bytes, so it does not see them.
func (p *page) around(row store.JournalRow) (before, after []byte, err error) {
	head := &p.head
	head.Reset()
	if p.n > 0 {
		head.WriteByte(',')
	}
	encoder := json.NewEncoder(head)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(rowHead{row.Seq, p.userID, row.Entity, row.EntityKey, row.Op}); err != nil {
		return nil, nil, err
	}
	head.Truncate(head.Len() - len("}\n"))
	head.WriteString(`,"payload":`)
	after = row.OccurredAt.UTC().AppendFormat([]byte(`,"occurred_at":"`), timestampLayout)
	return head.Bytes(), append(after, `"}`...), nil
}

// timestampLayout has the same number of digits always: old clients compare such
// times as text.
const timestampLayout = "2006-01-02T15:04:05.000000Z"

func timestamp(t time.Time) string { return t.UTC().Format(timestampLayout) }

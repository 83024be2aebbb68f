package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
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

// chunkHandlers serve the chunks of /sync.
type chunkHandlers struct {
	store  store.Chunks
	spools spool.Place
	lists  *spool.Shared[string] // with their tags
	fair   *fairness
	ready  *readiness
	log    *slog.Logger
}

// push serves POST /sync/push. What it accepts is on disk.
func (h *chunkHandlers) push(w http.ResponseWriter, r *http.Request, u store.User) error {
	body, file, err := spoolBody(h.spools, w, r, u, maxPushBytes)
	if err != nil {
		return err
	}
	defer file.Discard(r.Context())
	chunk, err := receive(body, file)
	if err != nil {
		return err
	}
	err = h.store.PutChunk(r.Context(), u.ID, chunk, file.Reader())
	if errors.Is(err, store.ErrOtherData) {
		return refuse(http.StatusConflict, "chunk %s already exists with different content", chunk.ID)
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, reply{
		"chunk_id": chunk.ID, "status": "accepted",
		"observations_stored": chunk.Memories, "prompts_stored": chunk.Prompts, "sessions_stored": chunk.Sessions,
	})
}

// receive copies the body of a push to a file and checks it on the way.
func receive(body io.Reader, file *spool.Spool) (store.NewChunk, error) {
	parser := pushbody.NewEnvelopeParser()
	sum := sha256.New()
	var size int64
	err := file.Fill(body, func(piece []byte) error {
		sum.Write(piece)
		size += int64(len(piece))
		return parser.Feed(piece)
	})
	if err != nil {
		return store.NewChunk{}, err
	}
	chunk, err := parser.Finish()
	chunk.BodySHA256, chunk.Size = hex.EncodeToString(sum.Sum(nil)), size
	return chunk, err
}

// manifestEntry is one chunk in a manifest. Source: account-server.md 3.3.
type manifestEntry struct {
	ID        string `json:"id"`
	CreatedBy string `json:"created_by"`
	CreatedAt string `json:"created_at"`
	Sessions  int    `json:"sessions"`
	Memories  int    `json:"memories"`
	Prompts   int    `json:"prompts"`
}

// pullManifest serves GET /sync/pull. It costs little to ask again with
// If-None-Match. A push does not tell the version of the manifest that it comes from,
// so it is that which the chunks want: 1.9.4 does not look at it.
// Source: account-server.md 3.1, engram-2.md 1 and 2.1.
func (h *chunkHandlers) pullManifest(w http.ResponseWriter, r *http.Request, u store.User) error {
	if known := r.Header.Values("If-None-Match"); len(known) > 0 {
		tag, err := h.store.ManifestTag(r.Context(), u.ID)
		if err != nil {
			return err
		}
		if hasTag(known, quoteTag(tag)) {
			w.Header().Set("ETag", quoteTag(tag))
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	list, err := h.list(r.Context(), u.ID)
	if err != nil {
		return err
	}
	defer h.lists.Release(r.Context(), list)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.FormatInt(list.Len(), 10))
	w.Header().Set("ETag", quoteTag(list.About))
	return send(w, list.Reader())
}

// shortList is how many chunks a list has that takes a moment only. Longer ones have turns of their own, in which they
// begin anew: accounts with such lists keep nobody from the database.
const shortList = 5000

var errLongList = errors.New("the list is a long one")

// list gives a manifest where it waits for its readers, and its tag.
func (h *chunkHandlers) list(ctx context.Context, userID string) (*spool.Answer[string], error) {
	list, err := h.listInTurn(ctx, h.fair.work, userID, shortList)
	if errors.Is(err, errLongList) {
		list, err = h.listInTurn(ctx, h.fair.long, userID, math.MaxInt)
	}
	return list, err
}

func (h *chunkHandlers) listInTurn(ctx context.Context, turns *limits.Turns, userID string, most int) (*spool.Answer[string], error) {
	leave, err := turn(ctx, turns, userID) // one after the other
	if err != nil {
		return nil, err
	}
	defer leave()
	return h.lists.Get(ctx, userID, "", func(tag string) (bool, error) {
		now, err := h.store.ManifestTag(ctx, userID)
		return now == tag, err
	}, func(to *spool.Spool) (string, error) { return h.write(ctx, userID, to, most) })
}

// write writes a manifest of at most so many chunks, and gives its tag.
func (h *chunkHandlers) write(ctx context.Context, userID string, to io.Writer, most int) (tag string, err error) {
	if _, err := io.WriteString(to, `{"chunks":[`); err != nil {
		return "", err
	}
	version, comma, pace := 1, "", h.fair.pace(userID)
	tag, err = h.store.Manifest(ctx, userID, func(e store.ChunkEntry) error {
		if most--; most < 0 {
			return errLongList
		}
		entry, err := json.Marshal(manifestEntry{e.ID, e.CreatedBy, timestamp(e.CreatedAt), e.Sessions, e.Memories, e.Prompts})
		if err == nil {
			_, err = fmt.Fprintf(to, "%s%s", comma, entry)
		}
		version, comma = max(version, e.Version), ","
		pace.Step(ctx)
		return err
	})
	if err == nil {
		_, err = fmt.Fprintf(to, `],"version":%d}`+"\n", version)
	}
	return tag, err
}

// pull serves GET /sync/pull/{chunk_id}: the body of the push, byte for
// byte, in whole or in ranges.
func (h *chunkHandlers) pull(w http.ResponseWriter, r *http.Request, u store.User) error {
	id := r.PathValue("chunk_id")
	if !pushbody.IsChunkID(id) {
		return store.ErrNoChunk
	}
	body, err := h.store.OpenChunk(r.Context(), u.ID, id)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", quoteTag(body.SHA256))
	watched := &watchedBody{ReadSeeker: body}
	http.ServeContent(w, r, "", time.Time{}, watched)
	h.ready.met(watched.err)
	if watched.err != nil && r.Context().Err() == nil {
		// The client sees it too: the http.Server cuts the connection, since
		// less came than Content-Length says.
		h.log.ErrorContext(r.Context(), "a chunk could not be sent whole", "chunk", id, "error", watched.err.Error())
	}
	return nil
}

// watchedBody keeps the error that http.ServeContent does not tell.
type watchedBody struct {
	io.ReadSeeker
	err error
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadSeeker.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
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

package transport_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/transport"
)

// vault is an account server in memory, with a way to it that fails as told.
type vault struct {
	t *testing.T
	// push is the fate of the n-th push, from 1. body is read only if it reads it.
	push func(n int, req *http.Request) (*http.Response, error)
	// look, if set, is the fate of every GET; nil, nil means that it arrives.
	look func(req *http.Request) (*http.Response, error)

	mu     sync.Mutex
	pushes int
	looks  []time.Time // at the chunk itself
	held   map[string]string
	order  []string
}

func (v *vault) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPost {
		v.mu.Lock()
		v.pushes++
		n := v.pushes
		v.mu.Unlock()
		defer func() { _ = req.Body.Close() }()
		return v.push(n, req)
	}
	if v.look != nil {
		if resp, err := v.look(req); resp != nil || err != nil {
			return resp, err
		}
	}
	return v.get(req), nil
}

// read takes the whole body of a push.
func (v *vault) read(req *http.Request) string {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		v.t.Errorf("the body of a push: %v", err)
	}
	return string(body)
}

// store keeps the body of a push, the first one of its id.
func (v *vault) store(body string) string {
	var envelope struct {
		ChunkID string `json:"chunk_id"`
	}
	if err := json.Unmarshal([]byte(body), &envelope); err != nil {
		v.t.Error(err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.held[envelope.ChunkID]; !ok {
		v.held[envelope.ChunkID] = body
		v.order = append(v.order, envelope.ChunkID)
	}
	return envelope.ChunkID
}

// accept is what a server does when all is well.
func (v *vault) accept(req *http.Request) *http.Response {
	return wiretest.Answer(req, http.StatusOK, fmt.Sprintf(`{"chunk_id":%q,"status":"accepted"}`, v.store(v.read(req))))
}

func (v *vault) get(req *http.Request) *http.Response {
	v.mu.Lock()
	defer v.mu.Unlock()
	id, one := strings.CutPrefix(req.URL.Path, "/sync/pull/")
	if !one {
		var entries []string
		for _, id := range v.order {
			entries = append(entries, fmt.Sprintf(`{"id":%q,"created_by":"x","created_at":"2026-11-22T09:14:58Z","sessions":0,"memories":0,"prompts":0}`, id))
		}
		return wiretest.Answer(req, http.StatusOK, `{"chunks":[`+strings.Join(entries, ",")+`],"version":1}`)
	}
	v.looks = append(v.looks, time.Now())
	if body, ok := v.held[id]; ok {
		return wiretest.Answer(req, http.StatusOK, body)
	}
	return wiretest.Answer(req, http.StatusNotFound, wiretest.Failure("chunk not found"))
}

// pushed is how a push to a vault went.
type pushed struct {
	*vault
	err    error
	took   time.Duration
	looked []time.Duration // after the start
}

// pushTo pushes the sample to a vault in a bubble, where waiting takes no time.
func pushTo(t *testing.T, opts transport.Options, prepare func(*vault)) pushed {
	t.Helper()
	var got pushed
	synctest.Test(t, func(t *testing.T) {
		v := &vault{t: t, held: map[string]string{}}
		prepare(v)
		opts.Base = v
		opened := &wiretest.Openings{Chunk: wiretest.Sample()}
		started := time.Now()
		err := wiretest.Dial(t, wiretest.Somewhere, opts).WriteChunk(t.Context(), opened.Chunk.Entry, opened.Open)
		got = pushed{vault: v, err: err, took: time.Since(started)}
		for _, at := range v.looks {
			got.looked = append(got.looked, at.Sub(started))
		}
		if opened.Left() != 0 {
			t.Errorf("%d of %d chunks left open", opened.Left(), opened.Count())
		}
	})
	return got
}

package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// cut is where the way to a server breaks during a push.
type cut string

const (
	noCut         cut = ""
	cutBefore     cut = "before the request"
	cutInside     cut = "inside the request"
	cutCommitted  cut = "after the commit"
	cutReply      cut = "inside the reply"
	cutLate       cut = "before a late commit"
	cutUnanswered cut = "behind a request that was lost"
	cutGateway    cut = "at a gateway"
)

var errCut = errors.New("connection reset by peer")

// way is the way to a real server, in memory. Its pushes break as told.
type way struct {
	t      *testing.T
	server http.Handler
	cuts   map[int]cut // by number of push, from 1
	plain  bool        // as the reference server: no keys, no promises
	pushes int
}

func (w *way) RoundTrip(req *http.Request) (*http.Response, error) {
	req = arriving(req)
	if w.plain {
		req.Header.Del("Idempotency-Key")
	}
	if req.Method != http.MethodPost {
		return w.serve(req), nil
	}
	w.pushes++
	where := w.cuts[w.pushes]
	switch where {
	case cutBefore:
		return nil, errCut
	case cutInside:
		_, _ = io.CopyN(io.Discard, req.Body, 100)
		return nil, errCut
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	switch where {
	case cutUnanswered:
		return nil, errCut
	case cutLate:
		req = req.Clone(context.WithoutCancel(req.Context()))
		time.AfterFunc(20*time.Second, func() { _ = w.serve(req).Body.Close() })
		return nil, errCut
	}
	resp := w.serve(req)
	switch where {
	case cutCommitted:
		return nil, errCut
	case cutReply:
		resp.Body = io.NopCloser(io.MultiReader(io.LimitReader(resp.Body, 10), iotest.ErrReader(errCut)))
	case cutGateway:
		resp.StatusCode, resp.Body = http.StatusBadGateway, io.NopCloser(strings.NewReader("<html>bad gateway"))
		resp.Header = http.Header{"Content-Type": {"text/html"}}
	}
	return resp, nil
}

// arriving is a request as a server reads it off the wire, where header names
// have no spelling.
func arriving(req *http.Request) *http.Request {
	req = req.Clone(req.Context())
	header := http.Header{}
	for name, values := range req.Header {
		header[http.CanonicalHeaderKey(name)] = values
	}
	req.Header = header
	return req
}

func (w *way) serve(req *http.Request) *http.Response {
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, req)
	resp := rec.Result()
	resp.Request = req
	if w.plain {
		for name := range resp.Header {
			if strings.HasPrefix(name, "Engram-Sync-") || name == "Idempotent-Replayed" {
				resp.Header.Del(name)
			}
		}
	}
	return resp
}

// connect opens a server, and gives a transport that goes to it this way.
func (w *way) connect() *transport.RemoteTransport {
	w.t.Helper()
	srv, err := server.Open(w.t.Context(), server.Options{Dir: w.t.TempDir()})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			w.t.Error(err)
		}
	})
	token, err := srv.LocalToken(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.server = srv.Handler()
	remote, err := transport.NewRemoteTransport("http://localhost", auth.Fixed(token, "the test"), transport.Options{Base: w})
	if err != nil {
		w.t.Fatal(err)
	}
	return remote
}

// TestCutWays pushes through real transports to real servers, of our kind and
// like the reference, over ways that break everywhere. Whatever a run cannot
// settle the next one does; at the end every mutation is there once, in order.
func TestCutWays(t *testing.T) {
	for _, plain := range []bool{false, true} {
		for _, where := range []cut{noCut, cutBefore, cutInside, cutCommitted, cutReply, cutLate, cutUnanswered, cutGateway} {
			t.Run(fmt.Sprintf("plain %v, cut %s", plain, where), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := &way{t: t, plain: plain, cuts: map[int]cut{2: where}}
					remote, rows := w.connect(), changes(250)
					disk := newWorld(t)
					run := func() journal.PushResult {
						return journal.Push(t.Context(), remote, rows, disk.job(rows), disk, quiet)
					}
					r := run()
					if r.Err != nil && !errors.Is(r.Err, engram.ErrOutcomeUnknown) {
						t.Errorf("the first run: %+v", r)
					}
					if r.Err != nil && where != cutUnanswered {
						t.Errorf("the first run did not settle it: %+v", r)
					}
					if r := run(); r.Err != nil {
						t.Errorf("the next run: %+v", r)
					}
					time.Sleep(time.Minute) //nolint:forbidigo // the bubble's clock: what was late has come by then
					if diff := cmp.Diff(keysOf(rows), journalOf(t, remote)); diff != "" {
						t.Errorf("the journal (-want +got):\n%s", firstLines(diff))
					}
				})
			})
		}
	}
}

func keysOf(rows rowsOf) []string {
	keys := make([]string, len(rows))
	for i, e := range rows {
		keys[i] = e.EntityKey
	}
	return keys
}

// journalOf are the keys of a server's whole journal.
func journalOf(t *testing.T, remote journal.Remote) []string {
	t.Helper()
	var keys []string
	for since := int64(0); ; {
		page, err := remote.PullMutations(t.Context(), since, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range page.Mutations {
			since = row.Seq
			keys = append(keys, row.EntityKey)
		}
		if !page.HasMore {
			return keys
		}
	}
}

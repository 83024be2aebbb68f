package httplayer_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// cutting gives the n-th request, from 1, the text and how much of it arrives
// before the connection breaks.
type cutting struct {
	give     func(n int) (text string, cutAfter int)
	requests int
}

func (c *cutting) RoundTrip(req *http.Request) (*http.Response, error) {
	c.requests++
	text, cut := c.give(c.requests)
	resp := wiretest.Answer(req, http.StatusOK, text)
	if cut < len(text) {
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(text[:cut]), iotest.ErrReader(io.ErrUnexpectedEOF)))
	}
	return resp, nil
}

// pullCut pulls a chunk from a server that cuts, and gives what store got.
func pullCut(t *testing.T, chunk wiretest.Chunk, retries int, give func(n int) (string, int)) (got string, entry *engram.ChunkEntry, requests int, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := &cutting{give: give}
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: server, Retries: retries})
		entry, err = remote.ReadChunk(t.Context(), chunk.ID(), wiretest.Into(&got))
		requests = server.requests
	})
	return got, entry, requests, err
}

func TestACutDownloadGoesOnWhereItWasCut(t *testing.T) {
	chunk := wiretest.Large(1 << 20)
	text := chunk.Envelope(t)
	got, entry, requests, err := pullCut(t, chunk, 4, func(n int) (string, int) { return text, len(text) * n / 4 })
	if err != nil || got != chunk.Text || requests != 4 {
		t.Fatalf("got %d of %d bytes in %d requests, %v", len(got), len(chunk.Text), requests, err)
	}
	if entry == nil || *entry != chunk.Entry {
		t.Errorf("entry %v", entry)
	}
}

// It may be cut in the middle of what was read before, too.
func TestACutWhileCatchingUpIsNoHarm(t *testing.T) {
	chunk := wiretest.Large(1 << 20)
	text := chunk.Envelope(t)
	cuts := []int{len(text) / 2, len(text) / 4, 0, len(text)}
	got, _, requests, err := pullCut(t, chunk, 4, func(n int) (string, int) { return text, cuts[n-1] })
	if err != nil || got != chunk.Text || requests != 4 {
		t.Errorf("got %d of %d bytes in %d requests, %v", len(got), len(chunk.Text), requests, err)
	}
}

func TestResumingEnds(t *testing.T) {
	text := wiretest.Sample().Envelope(t)
	_, _, requests, err := pullCut(t, wiretest.Sample(), 2, func(int) (string, int) { return text, len(text) - 1 })
	wiretest.OneClass(t, err, transport.ErrUnavailable)
	wiretest.OneLine(t, err)
	var network *transport.NetworkError
	if !errors.As(err, &network) || network.Attempts != 3 || requests != 3 {
		t.Errorf("%v after %d requests", err, requests)
	}
}

// Other bytes after a cut are damage, however well they look, and nobody asks again.
func TestOtherBytesAfterACutAreDamage(t *testing.T) {
	chunk := wiretest.Large(1 << 18)
	text := chunk.Envelope(t)
	at := len(text) * 3 / 4
	other := text[:at] + "X" + text[at+1:]
	_, _, requests, err := pullCut(t, chunk, 4, func(n int) (string, int) {
		if n == 1 {
			return text, len(text) / 2
		}
		return other, len(other)
	})
	wiretest.OneClass(t, err, engram.ErrDamaged)
	if requests != 2 {
		t.Errorf("%d requests, want 2", requests)
	}
}

// net/http says io.EOF of a server that hangs up without a word. That must not
// look like the end of the content.
func TestAServerThatHangsUpWhileResumingIsUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &cutting{give: func(int) (string, int) { return wiretest.Sample().Envelope(t), 50 }}
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			if first.requests > 0 {
				return nil, io.EOF
			}
			return first.RoundTrip(req)
		})})
		_, err := remote.ReadChunk(t.Context(), wiretest.Sample().ID(), wiretest.Discard)
		wiretest.OneClass(t, err, transport.ErrUnavailable)
		wiretest.OneLine(t, err)
	})
}

// A second answer that is shorter than what was read is no good end.
func TestAShorterSecondAnswerIsAnError(t *testing.T) {
	text := wiretest.Sample().Envelope(t)
	_, _, _, err := pullCut(t, wiretest.Sample(), 4, func(n int) (string, int) {
		if n == 1 {
			return text, len(text) - 10
		}
		return text[:len(text)-20], len(text)
	})
	wiretest.OneClass(t, err, transport.ErrUnavailable)
}

// A cut manifest is asked for again as a whole.
func TestACutManifestIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &cutting{give: func(n int) (string, int) { return wiretest.EmptyManifest, n * 10 }}
		m, err := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: server}).ReadManifest(t.Context())
		if err != nil || len(m.Entries()) != 0 || server.requests != 3 {
			t.Errorf("%v after %d requests", err, server.requests)
		}
	})
}

// A user hears of the pauses before a resumption as of all others.
func TestLongPausesBeforeResumingAreTold(t *testing.T) {
	text := wiretest.Sample().Envelope(t)
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			heard := &wiretest.Notes{}
			var at []time.Time
			server := &cutting{give: func(int) (string, int) {
				at = append(at, time.Now())
				return text, 20
			}}
			remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: server, Retries: 8, Notify: heard.Add})
			if _, err := remote.ReadChunk(t.Context(), wiretest.Sample().ID(), wiretest.Discard); err == nil {
				t.Fatal("no error")
			}
			long := 0
			for i := range at[1:] {
				if at[i+1].Sub(at[i]) > 2*time.Second {
					long++
				}
			}
			if len(heard.All()) != long {
				t.Errorf("%d notes on %d long pauses", len(heard.All()), long)
			}
		})
	}
}

// What the server says to the second request is what the caller hears of.
func TestANoWhileResumingKeepsItsClass(t *testing.T) {
	text := wiretest.Sample().Envelope(t)
	for _, tc := range []struct {
		status int
		body   string
		class  error
	}{
		{401, "invalid or expired token", transport.ErrUnauthorized},
		{404, "chunk not found", transport.ErrRefused},
		{500, "internal error", transport.ErrUnavailable},
	} {
		synctest.Test(t, func(t *testing.T) {
			attempts := 0
			remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
				if attempts++; attempts > 1 {
					return wiretest.Answer(req, tc.status, wiretest.Failure(tc.body)), nil
				}
				resp := wiretest.Answer(req, http.StatusOK, "")
				resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(text[:50]), iotest.ErrReader(io.ErrUnexpectedEOF)))
				return resp, nil
			})})
			_, err := remote.ReadChunk(t.Context(), wiretest.Sample().ID(), wiretest.Discard)
			wiretest.OneClass(t, err, tc.class)
			wiretest.OneLine(t, err)
			var answered *transport.StatusError
			if !errors.As(err, &answered) || answered.Op == "" || answered.Attempts != 2 || answered.Message != tc.body || attempts != 2 {
				t.Errorf("got %v after %d attempts", err, attempts)
			}
		})
	}
}

// The same over a real connection.
func TestARealConnectionIsResumed(t *testing.T) {
	chunk := wiretest.Large(1 << 20)
	text := chunk.Envelope(t)
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) > 1 {
			_, _ = io.WriteString(w, text)
			return
		}
		_, _ = io.WriteString(w, text[:len(text)/2])
		panic(http.ErrAbortHandler)
	}))
	defer server.Close()
	var got string
	if _, err := wiretest.Dial(t, server.URL, transport.Options{}).ReadChunk(t.Context(), chunk.ID(), wiretest.Into(&got)); err != nil || got != chunk.Text {
		t.Errorf("got %d of %d bytes, %v", len(got), len(chunk.Text), err)
	}
	if requests.Load() != 2 {
		t.Errorf("%d requests, want 2", requests.Load())
	}
}

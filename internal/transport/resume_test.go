package transport_test

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
	resp := answer(req, http.StatusOK, text)
	if cut < len(text) {
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(text[:cut]), iotest.ErrReader(io.ErrUnexpectedEOF)))
	}
	return resp, nil
}

// large is a chunk that doesn't fit into anybody's buffers.
func large(bytes int) testChunk {
	row := `{"id":1,"sync_id":"obs-86a01d784ee23c9d","content":"` + strings.Repeat("some words of content\\n", 40) + `"},`
	return newTestChunk(`{"sessions":null,"observations":[` + strings.Repeat(row, bytes/len(row)+1) + `{}],"prompts":null}`)
}

// pullCut pulls a chunk from a server that cuts, and gives what store got.
func pullCut(t *testing.T, chunk testChunk, retries int, give func(n int) (string, int)) (got string, entry *engram.ChunkEntry, requests int, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := &cutting{give: give}
		remote := dial(t, somewhere, transport.Options{Base: server, Retries: retries})
		entry, err = remote.ReadChunk(t.Context(), chunk.id(), into(&got))
		requests = server.requests
	})
	return got, entry, requests, err
}

func TestACutDownloadGoesOnWhereItWasCut(t *testing.T) {
	chunk := large(1 << 20)
	text := chunk.envelope(t)
	got, entry, requests, err := pullCut(t, chunk, 4, func(n int) (string, int) { return text, len(text) * n / 4 })
	if err != nil || got != chunk.text || requests != 4 {
		t.Fatalf("got %d of %d bytes in %d requests, %v", len(got), len(chunk.text), requests, err)
	}
	if entry == nil || *entry != chunk.entry {
		t.Errorf("entry %v", entry)
	}
}

// It may be cut in the middle of what was read before, too.
func TestACutWhileCatchingUpIsNoHarm(t *testing.T) {
	chunk := large(1 << 20)
	text := chunk.envelope(t)
	cuts := []int{len(text) / 2, len(text) / 4, 0, len(text)}
	got, _, requests, err := pullCut(t, chunk, 4, func(n int) (string, int) { return text, cuts[n-1] })
	if err != nil || got != chunk.text || requests != 4 {
		t.Errorf("got %d of %d bytes in %d requests, %v", len(got), len(chunk.text), requests, err)
	}
}

func TestResumingEnds(t *testing.T) {
	text := sample().envelope(t)
	_, _, requests, err := pullCut(t, sample(), 2, func(int) (string, int) { return text, len(text) - 1 })
	oneClass(t, err, transport.ErrUnavailable)
	oneLine(t, err)
	var network *transport.NetworkError
	if !errors.As(err, &network) || network.Attempts != 3 || requests != 3 {
		t.Errorf("%v after %d requests", err, requests)
	}
}

// Other bytes after a cut are damage, however well they look, and nobody asks again.
func TestOtherBytesAfterACutAreDamage(t *testing.T) {
	chunk := large(1 << 18)
	text := chunk.envelope(t)
	at := len(text) * 3 / 4
	other := text[:at] + "X" + text[at+1:]
	_, _, requests, err := pullCut(t, chunk, 4, func(n int) (string, int) {
		if n == 1 {
			return text, len(text) / 2
		}
		return other, len(other)
	})
	oneClass(t, err, engram.ErrDamaged)
	if requests != 2 {
		t.Errorf("%d requests, want 2", requests)
	}
}

// net/http says io.EOF of a server that hangs up without a word. That must not
// look like the end of the content.
func TestAServerThatHangsUpWhileResumingIsUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &cutting{give: func(int) (string, int) { return sample().envelope(t), 50 }}
		remote := dial(t, somewhere, transport.Options{Base: base(func(req *http.Request) (*http.Response, error) {
			if first.requests > 0 {
				return nil, io.EOF
			}
			return first.RoundTrip(req)
		})})
		_, err := remote.ReadChunk(t.Context(), sample().id(), discard)
		oneClass(t, err, transport.ErrUnavailable)
		oneLine(t, err)
	})
}

// A second answer that is shorter than what was read is no good end.
func TestAShorterSecondAnswerIsAnError(t *testing.T) {
	text := sample().envelope(t)
	_, _, _, err := pullCut(t, sample(), 4, func(n int) (string, int) {
		if n == 1 {
			return text, len(text) - 10
		}
		return text[:len(text)-20], len(text)
	})
	oneClass(t, err, transport.ErrUnavailable)
}

// A cut manifest is asked for again as a whole.
func TestACutManifestIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &cutting{give: func(n int) (string, int) { return emptyManifest, n * 10 }}
		m, err := dial(t, somewhere, transport.Options{Base: server}).ReadManifest(t.Context())
		if err != nil || len(m.Entries()) != 0 || server.requests != 3 {
			t.Errorf("%v after %d requests", err, server.requests)
		}
	})
}

// A user hears of the pauses before a resumption as of all others.
func TestLongPausesBeforeResumingAreTold(t *testing.T) {
	text := sample().envelope(t)
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			heard := &notes{}
			var at []time.Time
			server := &cutting{give: func(int) (string, int) {
				at = append(at, time.Now())
				return text, 20
			}}
			remote := dial(t, somewhere, transport.Options{Base: server, Retries: 8, Notify: heard.add})
			if _, err := remote.ReadChunk(t.Context(), sample().id(), discard); err == nil {
				t.Fatal("no error")
			}
			long := 0
			for i := range at[1:] {
				if at[i+1].Sub(at[i]) > 2*time.Second {
					long++
				}
			}
			if len(heard.all()) != long {
				t.Errorf("%d notes on %d long pauses", len(heard.all()), long)
			}
		})
	}
}

// What the server says to the second request is what the caller hears of.
func TestANoWhileResumingKeepsItsClass(t *testing.T) {
	text := sample().envelope(t)
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
			remote := dial(t, somewhere, transport.Options{Base: base(func(req *http.Request) (*http.Response, error) {
				if attempts++; attempts > 1 {
					return answer(req, tc.status, failure(tc.body)), nil
				}
				resp := answer(req, http.StatusOK, "")
				resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(text[:50]), iotest.ErrReader(io.ErrUnexpectedEOF)))
				return resp, nil
			})})
			_, err := remote.ReadChunk(t.Context(), sample().id(), discard)
			oneClass(t, err, tc.class)
			oneLine(t, err)
			var answered *transport.StatusError
			if !errors.As(err, &answered) || answered.Op == "" || answered.Attempts != 2 || answered.Message != tc.body || attempts != 2 {
				t.Errorf("got %v after %d attempts", err, attempts)
			}
		})
	}
}

// The same over a real connection.
func TestARealConnectionIsResumed(t *testing.T) {
	chunk := large(1 << 20)
	text := chunk.envelope(t)
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
	if _, err := dial(t, server.URL, transport.Options{}).ReadChunk(t.Context(), chunk.id(), into(&got)); err != nil || got != chunk.text {
		t.Errorf("got %d of %d bytes, %v", len(got), len(chunk.text), err)
	}
	if requests.Load() != 2 {
		t.Errorf("%d requests, want 2", requests.Load())
	}
}

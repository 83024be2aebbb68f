package httplayer_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// pause waits in a bubble, or until the request is given up.
func pause(req *http.Request, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-req.Context().Done():
		return req.Context().Err()
	}
}

// slowBody gives its text byte by byte, and stands still for good where a '~' is.
type slowBody struct {
	req  *http.Request
	text string
	each time.Duration
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.text == "" {
		return 0, io.EOF
	}
	wait := b.each
	if b.text[0] == '~' {
		wait = 1000 * time.Hour
	}
	if err := pause(b.req, wait); err != nil {
		return 0, err
	}
	p[0], b.text = b.text[0], b.text[1:]
	return 1, nil
}

func (b *slowBody) Close() error { return nil }

func slowAnswer(req *http.Request, text string, each time.Duration) *http.Response {
	resp := wiretest.Answer(req, http.StatusOK, "")
	resp.Body = &slowBody{req: req, text: text, each: each}
	return resp
}

// stalled fails the test unless err says that no data came for 30 s.
func stalled(t *testing.T, err error) {
	t.Helper()
	wiretest.OneClass(t, err, transport.ErrUnavailable)
	var network *transport.NetworkError
	if !errors.As(err, &network) || !strings.Contains(err.Error(), "no data for 30s") {
		t.Errorf("got %v", err)
	}
}

func TestAServerThatSaysNothingIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Retries: -1, Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			return nil, pause(req, 1000*time.Hour)
		})})
		_, err := remote.ReadManifest(t.Context())
		stalled(t, err)
		if time.Since(started) != 30*time.Second {
			t.Errorf("after %s", time.Since(started))
		}
	})
}

func TestADownloadThatStopsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := wiretest.Sample().Envelope(t)
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Retries: -1, Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			return slowAnswer(req, text[:100]+"~", time.Second), nil
		})})
		started := time.Now()
		_, err := remote.ReadChunk(t.Context(), wiretest.Sample().ID(), wiretest.Discard)
		stalled(t, err)
		if time.Since(started) != 130*time.Second {
			t.Errorf("after %s", time.Since(started))
		}
	})
}

// Slow is not stalled: a byte every 29 s makes a download of hours.
func TestASlowDownloadArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chunk, attempts := wiretest.Sample(), 0
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			attempts++
			return slowAnswer(req, chunk.Envelope(t), 29*time.Second), nil
		})})
		var got string
		_, err := remote.ReadChunk(t.Context(), chunk.ID(), wiretest.Into(&got))
		if err != nil || got != chunk.Text || attempts != 1 {
			t.Errorf("got %q, %v after %d attempts", got, err, attempts)
		}
	})
}

// Nor does it count against the server when this side takes its time.
func TestASlowStoreIsNoStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chunk := wiretest.Sample()
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			return slowAnswer(req, chunk.Envelope(t), time.Millisecond), nil
		})})
		_, err := remote.ReadChunk(t.Context(), chunk.ID(), func(c *engram.Chunk) error {
			p := make([]byte, 16)
			for {
				<-time.After(time.Hour)
				if _, err := c.Read(p); errors.Is(err, io.EOF) {
					return nil
				} else if err != nil {
					return err
				}
			}
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// takeSlowly reads a request's body, and stops for good after some bytes.
func takeSlowly(req *http.Request, body io.Reader, each time.Duration, stopAfter int) error {
	p := make([]byte, 1)
	for n := 0; ; n++ {
		if n == stopAfter {
			each = 1000 * time.Hour
		}
		if err := pause(req, each); err != nil {
			return err
		}
		if _, err := body.Read(p); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func TestAnUploadThatIsNotTakenIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chunk, started := wiretest.Sample(), time.Now()
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Retries: -1, Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			return nil, takeSlowly(req, req.Body, time.Second, 100)
		})})
		stalled(t, remote.WriteChunk(t.Context(), chunk.Entry, chunk.Open))
		if time.Since(started) != 130*time.Second {
			t.Errorf("after %s", time.Since(started))
		}
	})
}

// The same on a second connection: net/http takes one by itself, with a new
// body, when it finds the first dead before anything was sent.
func TestASlowUploadArrives(t *testing.T) {
	for name, second := range map[string]bool{"first connection": false, "second connection": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				chunk, attempts := wiretest.Sample(), 0
				remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
					attempts++
					body := req.Body
					if second {
						var err error
						if body, err = req.GetBody(); err != nil {
							return nil, err
						}
						defer func() { _ = body.Close() }()
					}
					if err := takeSlowly(req, body, 29*time.Second, -1); err != nil {
						return nil, err
					}
					return wiretest.Accepted(req, chunk), nil
				})})
				if err := remote.WriteChunk(t.Context(), chunk.Entry, chunk.Open); err != nil || attempts != 1 {
					t.Errorf("%v after %d attempts", err, attempts)
				}
			})
		})
	}
}

// A disk that is slow to give the content is no stall of the server.
func TestASlowSourceIsNoStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chunk := wiretest.Sample()
		open := func() (*engram.Chunk, error) {
			return engram.NewChunk(chunk.ID(), &slowSource{strings.NewReader(chunk.Text)}, 1<<20), nil
		}
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			if err := takeSlowly(req, req.Body, 0, -1); err != nil {
				return nil, err
			}
			return wiretest.Accepted(req, chunk), nil
		})})
		if err := remote.WriteChunk(t.Context(), chunk.Entry, open); err != nil {
			t.Error(err)
		}
	})
}

type slowSource struct{ io.Reader }

func (s *slowSource) Read(p []byte) (int, error) {
	<-time.After(time.Minute)
	return s.Reader.Read(p)
}

func (s *slowSource) Close() error { return nil }

// A connection that the server wants for something else would be read for ever: no
// context ends that.
func TestAnotherProtocolIsNotWaitedFor(t *testing.T) {
	done := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
		<-done
	}))
	defer srv.Close()
	defer close(done)
	_, err := wiretest.Dial(t, srv.URL, transport.Options{Retries: -1}).ReadManifest(t.Context())
	wiretest.OneClass(t, err, transport.ErrNotEngram)
}

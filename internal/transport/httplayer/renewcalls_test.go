package httplayer_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/google/go-cmp/cmp"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// Tokens without a refresh token are used as they are, whatever they say.
func TestTokensThatCannotBeRenewed(t *testing.T) {
	for name, access := range map[string]string{
		"API key":         "eng_" + strings.Repeat("0", 64),
		"ended JWT":       jwtFor(0, -time.Hour),
		"neither of them": "opaque",
	} {
		a := &authority{good: "another", refresh: ""}
		v := newSafe(access, "")
		remote := process(t, a, v)
		plain, err := transport.NewRemoteTransport(wiretest.Somewhere, wiretest.Token(access), transport.Options{Base: a})
		if err != nil {
			t.Fatal(err)
		}
		for _, remote := range []*transport.RemoteTransport{remote, plain} {
			_, err := remote.ReadManifest(t.Context())
			wiretest.OneClass(t, err, transport.ErrUnauthorized)
			_, err = remote.RefreshToken(t.Context())
			wiretest.OneClass(t, err, transport.ErrUnauthorized)
		}
		if a.exchanges != 0 || v.tokens.Access != access {
			t.Errorf("%s: %d exchanges", name, a.exchanges)
		}
	}
}

// An API key that works is never touched, and the store is not even read.
func TestAGoodOpaqueTokenIsLeftAlone(t *testing.T) {
	key := "eng_" + strings.Repeat("0", 64)
	a := &authority{good: key, refresh: "refresh-0"}
	v := newSafe(key, "refresh-0")
	if _, err := process(t, a, v).ReadManifest(t.Context()); err != nil || a.exchanges != 0 || v.locked != 0 {
		t.Errorf("%d exchanges, %d reads, %v", a.exchanges, v.locked, err)
	}
}

// Where only the refresh token could be kept, it is good for an access token.
func TestARefreshTokenAlone(t *testing.T) {
	a := &authority{good: "another", refresh: "refresh-0", life: time.Hour}
	v := newSafe("", "refresh-0")
	remote := process(t, a, v)
	for range 3 {
		if _, err := remote.ReadManifest(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if a.exchanges != 1 || a.refused != 0 || v.tokens.Access != a.good {
		t.Errorf("%d exchanges, %d refused", a.exchanges, a.refused)
	}
}

// The server gives tokens and takes none: each request ends, with its own 401.
func TestASecond401IsFinal(t *testing.T) {
	a := &authority{good: "another", refresh: "refresh-0", life: time.Hour}
	takesNone := func(req *http.Request) (*http.Response, error) {
		resp, err := a.RoundTrip(req)
		if req.URL.Path != "/auth/refresh" {
			return wiretest.Answer(req, http.StatusUnauthorized, wiretest.Failure("account disabled")), err
		}
		return resp, err
	}
	remote := process(t, a, newSafe("opaque", "refresh-0"), func(o *transport.Options) { o.Base = wiretest.Base(takesNone) })
	_, err := remote.ReadManifest(t.Context())
	wiretest.OneClass(t, err, transport.ErrUnauthorized)
	if errors.Is(err, transport.ErrLoginExpired) || a.exchanges != 1 || a.asked != 2 {
		t.Errorf("%d exchanges, %d requests, %v", a.exchanges, a.asked, err)
	}
}

// Every call renews: each begins with a token that is no good.
func TestEveryCallRenews(t *testing.T) {
	chunk := wiretest.Sample()
	envelope := chunk.Envelope(t)
	for name, tc := range map[string]struct {
		answers []any // status and body in turns, for requests with a good token
		call    func(context.Context, *transport.RemoteTransport) error
		asked   int
		renewed int
	}{
		"ReadManifest": {[]any{200, wiretest.EmptyManifest}, func(ctx context.Context, r *transport.RemoteTransport) error {
			_, err := r.ReadManifest(ctx)
			return err
		}, 2, 1},
		"ReadChunk": {[]any{200, envelope}, func(ctx context.Context, r *transport.RemoteTransport) error {
			_, err := r.ReadChunk(ctx, chunk.ID(), wiretest.Discard)
			return err
		}, 2, 1},
		"WriteChunk": {[]any{200, acceptedAnswer(chunk)}, func(ctx context.Context, r *transport.RemoteTransport) error {
			return r.WriteChunk(ctx, chunk.Entry, chunk.Open)
		}, 2, 1},
		"CreateAPIKey": {[]any{201, `{"api_key":"eng_1","message":""}`}, func(ctx context.Context, r *transport.RemoteTransport) error {
			_, err := r.CreateAPIKey(ctx)
			return err
		}, 2, 1},
		"RevokeAPIKey": {[]any{200, `{"status":"revoked"}`}, func(ctx context.Context, r *transport.RemoteTransport) error {
			return r.RevokeAPIKey(ctx)
		}, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			a := &authority{good: "another", refresh: "refresh-0", life: time.Hour}
			var bodies []string
			a.sync = func(req *http.Request) (*http.Response, error) {
				if req.Body != nil {
					body, err := io.ReadAll(req.Body)
					if err != nil {
						return nil, err
					}
					bodies = append(bodies, string(body))
				}
				status, body := tc.answers[0].(int), tc.answers[1].(string)
				return wiretest.Answer(req, status, body), nil
			}
			if err := tc.call(t.Context(), process(t, a, newSafe("opaque", "refresh-0"))); err != nil {
				t.Fatal(err)
			}
			if a.asked != tc.asked || a.exchanges != tc.renewed {
				t.Errorf("%d requests, %d exchanges", a.asked, a.exchanges)
			}
			if name == "WriteChunk" {
				if diff := cmp.Diff([]string{envelope}, bodies); diff != "" {
					t.Errorf("the replay sent (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func acceptedAnswer(chunk wiretest.Chunk) string {
	return `{"status":"accepted","chunk_id":"` + chunk.ID().String() + `"}`
}

// A token can end while a chunk is on its way: the rest is asked for with a new one.
func TestAResumedChunkRenews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chunk := wiretest.Sample()
		text := chunk.Envelope(t)
		a := &authority{good: "first", refresh: "refresh-0", life: time.Hour}
		a.sync = func(req *http.Request) (*http.Response, error) {
			if a.exchanges > 0 {
				return wiretest.Answer(req, http.StatusOK, text), nil
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			a.good = "another"
			resp := wiretest.Answer(req, http.StatusOK, "")
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(text[:len(text)/2]), broken{}))
			return resp, nil
		}
		var got string
		remote := process(t, a, newSafe("first", "refresh-0"))
		if _, err := remote.ReadChunk(t.Context(), chunk.ID(), wiretest.Into(&got)); err != nil || got != chunk.Text {
			t.Errorf("got %q, %v", got, err)
		}
		if a.exchanges != 1 || a.asked != 3 || a.refused != 1 {
			t.Errorf("%d exchanges, %d requests", a.exchanges, a.asked)
		}
	})
}

// broken is a connection that breaks.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// The answer to a push is lost, and the token ends: looking for it renews.
func TestSettlingRenews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chunk := wiretest.Sample()
		a := &authority{good: "first", refresh: "refresh-0", life: time.Hour}
		a.sync = func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodGet {
				return wiretest.Answer(req, http.StatusOK, chunk.Envelope(t)), nil
			}
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				return nil, err
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			a.good = "another"
			return nil, io.ErrUnexpectedEOF
		}
		remote := process(t, a, newSafe("first", "refresh-0"))
		if err := remote.WriteChunk(t.Context(), chunk.Entry, chunk.Open); err != nil || a.exchanges != 1 {
			t.Errorf("%d exchanges, %v", a.exchanges, err)
		}
	})
}

// A push that got 401 was not applied. If the token can't be renewed, its outcome
// is known all the same: nothing is looked for, and nobody is told to worry.
func TestAPushThatCannotBeRenewedIsNotUncertain(t *testing.T) {
	for name, tc := range map[string]struct {
		exchange func(*http.Request) (*http.Response, error)
		want     error
	}{
		"unavailable": {func(req *http.Request) (*http.Response, error) {
			return wiretest.Answer(req, http.StatusServiceUnavailable, wiretest.Failure("database unavailable")), nil
		}, transport.ErrUnavailable},
		"connection lost": {func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, transport.ErrUnavailable},
		"refused": {func(req *http.Request) (*http.Response, error) {
			return wiretest.Answer(req, http.StatusForbidden, wiretest.Failure("no")), nil
		}, transport.ErrRefused},
		"come back later": {func(req *http.Request) (*http.Response, error) {
			return wiretest.Answer(req, http.StatusServiceUnavailable, wiretest.Failure("busy"), "Retry-After: 7200"), nil
		}, transport.ErrUnavailable},
		"junk": {func(req *http.Request) (*http.Response, error) {
			return wiretest.Answer(req, http.StatusOK, "<html>"), nil
		}, transport.ErrNotEngram},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pushes, looks := 0, 0
				network := wiretest.Base(func(req *http.Request) (*http.Response, error) {
					switch {
					case req.URL.Path == "/auth/refresh":
						return tc.exchange(req)
					case req.Method == http.MethodGet:
						looks++
					default:
						pushes++
						if _, err := io.Copy(io.Discard, req.Body); err != nil {
							return nil, err
						}
					}
					return wiretest.Answer(req, http.StatusUnauthorized, wiretest.Failure("invalid or expired token")), nil
				})
				opened := &wiretest.Openings{Chunk: wiretest.Sample()}
				remote := process(t, nil, newSafe("opaque", "refresh-0"), func(o *transport.Options) { o.Base = network })
				err := remote.WriteChunk(t.Context(), opened.Chunk.Entry, opened.Open)
				wiretest.OneClass(t, err, tc.want)
				wiretest.OneLine(t, err)
				if looks != 0 || pushes != 1 || opened.Left() != 0 {
					t.Errorf("%d pushes, %d looks, %d chunks left open: %v", pushes, looks, opened.Left(), err)
				}
			})
		})
	}
}

// A store that does not open in the middle of a run says so itself.
func TestAStoreThatDoesNotOpen(t *testing.T) {
	locked := errors.New("the keyring is locked")
	a := &authority{good: "another", refresh: "refresh-0"}
	remote := process(t, a, newSafe("opaque", "refresh-0"))
	remote.SetTokenRefresher(func(context.Context) (transport.Tokens, func() error, error) {
		return transport.Tokens{}, nil, locked
	}, nil)
	if err := remote.WriteChunk(t.Context(), engram.ChunkEntry{ID: wiretest.Sample().ID()}, wiretest.Sample().Open); !errors.Is(err, locked) {
		t.Errorf("got %v", err)
	}
	if a.asked != 1 || a.exchanges != 0 {
		t.Errorf("%d requests, %d exchanges", a.asked, a.exchanges)
	}
}

func TestRefreshNow(t *testing.T) {
	good := jwtFor(0, time.Hour)
	a := &authority{good: good, refresh: "refresh-0", life: 2 * time.Hour}
	v := newSafe(good, "refresh-0")
	remote := process(t, a, v)
	if got, err := remote.AccessToken(t.Context()); err != nil || got != good || a.exchanges != 0 {
		t.Errorf("a good token: %v, %d exchanges", err, a.exchanges)
	}
	renewed, err := remote.RefreshToken(t.Context())
	if err != nil || renewed != a.good || renewed == good || v.tokens.Access != renewed {
		t.Errorf("renewed: %v", err)
	}
	if got, err := remote.AccessToken(t.Context()); err != nil || got != renewed || a.exchanges != 1 {
		t.Errorf("afterwards: %v, %d exchanges", err, a.exchanges)
	}
}

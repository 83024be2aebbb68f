package httplayer_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
	"github.com/engram-sync/engram-sync/internal/transport/baseurl"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

// ask sends a GET through one layer that stands alone.
func ask(t *testing.T, layer http.RoundTripper) (status int, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, wiretest.Somewhere+"/a?secret=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := layer.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return resp.StatusCode, err
	}
	return resp.StatusCode, resp.Body.Close()
}

func TestRetryAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		layer := &httplayer.Retry{Retries: 2, Time: time.Minute, Next: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			if attempts++; attempts < 3 {
				return wiretest.Answer(req, http.StatusBadGateway, ""), nil
			}
			return wiretest.Answer(req, http.StatusOK, ""), nil
		})}
		if status, err := ask(t, layer); status != http.StatusOK || err != nil || attempts != 3 {
			t.Errorf("%d, %v after %d attempts", status, err, attempts)
		}
	})
}

func TestBearerAlone(t *testing.T) {
	base, err := baseurl.Parse(wiretest.Somewhere)
	if err != nil {
		t.Fatal(err)
	}
	other := &url.URL{Scheme: "https", Host: "other.example.com"}
	for _, tc := range []struct {
		base *url.URL
		want string
	}{{base, "Bearer secret"}, {other, ""}} {
		var got string
		layer := &httplayer.Bearer{Base: tc.base, Source: wiretest.Token("secret"), Next: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			got = req.Header.Get("Authorization")
			return wiretest.Answer(req, http.StatusOK, ""), nil
		})}
		if _, err := ask(t, layer); err != nil || got != tc.want {
			t.Errorf("%s: sent %q, %v", tc.base, got, err)
		}
	}
}

func TestStallAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		layer := &httplayer.Stall{Timeout: time.Second, Next: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		})}
		began := time.Now()
		if _, err := ask(t, layer); err == nil || err.Error() != "no data for 1s" || time.Since(began) != time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

func TestTraceAlone(t *testing.T) {
	var log strings.Builder
	layer := &httplayer.Trace{
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Next: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			return wiretest.Answer(req, http.StatusTeapot, ""), nil
		}),
	}
	_, err := ask(t, layer)
	if text := log.String(); err != nil || !strings.Contains(text, "status=418") || strings.Contains(text, "secret") {
		t.Errorf("%v, logged %q", err, text)
	}
}

// What a POST came to is told by its error, and by whether all of it was sent.
func TestJudge(t *testing.T) {
	status := func(code int, class error) error { return &httplayer.StatusError{Status: code, Class: class} }
	cut := &httplayer.NetworkError{Err: io.ErrUnexpectedEOF, Class: httplayer.ErrUnavailable}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tc := range map[string]struct {
		ctx  context.Context
		err  error
		sent bool
		want httplayer.Outcome
	}{
		"a yes":                     {t.Context(), nil, true, httplayer.Final},
		"another yes":               {t.Context(), status(204, httplayer.ErrNotEngram), true, httplayer.Uncertain},
		"a refusal":                 {t.Context(), status(400, httplayer.ErrRefused), true, httplayer.Final},
		"429":                       {t.Context(), status(429, httplayer.ErrUnavailable), true, httplayer.Final},
		"500 after all was sent":    {t.Context(), status(500, httplayer.ErrUnavailable), true, httplayer.Uncertain},
		"500 before":                {t.Context(), status(500, httplayer.ErrUnavailable), false, httplayer.Final},
		"503 before":                {t.Context(), status(503, httplayer.ErrUnavailable), false, httplayer.Unapplied},
		"no answer":                 {t.Context(), cut, true, httplayer.Uncertain},
		"cut before the end":        {t.Context(), cut, false, httplayer.Unapplied},
		"interrupted, all was sent": {over, context.Canceled, true, httplayer.Uncertain},
		"interrupted before":        {over, context.Canceled, false, httplayer.Final},
		"an error of the caller's":  {t.Context(), errors.New("disk"), false, httplayer.Final},
		"the same, all was sent":    {t.Context(), errors.New("disk"), true, httplayer.Final},
	} {
		if got := httplayer.Judge(tc.ctx, tc.err, tc.sent); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}

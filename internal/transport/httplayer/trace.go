package httplayer

import (
	"log/slog"
	"net/http"
	"time"
)

// Trace logs one line for each attempt: never headers, queries or
// bodies, so that no secret can get in.
type Trace struct {
	Next http.RoundTripper
	Log  *slog.Logger
}

// RoundTrip implements http.RoundTripper.
func (t *Trace) RoundTrip(req *http.Request) (*http.Response, error) {
	start := time.Now()
	resp, err := t.Next.RoundTrip(req)
	attrs := []slog.Attr{
		slog.String("method", req.Method),
		slog.String("url", req.URL.Scheme+"://"+req.URL.Host+req.URL.Path),
		slog.Duration("took", time.Since(start).Round(time.Microsecond)),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", plain(err).Error()))
	} else {
		attrs = append(attrs, slog.Int("status", resp.StatusCode))
	}
	t.Log.LogAttrs(req.Context(), slog.LevelDebug, "request", attrs...)
	return resp, err
}

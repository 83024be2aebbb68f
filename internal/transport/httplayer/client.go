// Package httplayer is how one call reaches a server over HTTP: the attempts, the
// token, the watch over what stands still, the log, and what an answer other than
// 200 means. Each layer is a RoundTripper that can stand alone; only package
// transport, its dialects and their tests may use them.
package httplayer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/transport/baseurl"
)

// maxAnswer is how much is read of an answer that is small by its nature, and of
// one that says no.
const maxAnswer = 64 << 10

// Client sends calls to one server, through the layers that stand below it. It is
// safe for concurrent use.
type Client struct {
	base  *url.URL
	retry *Retry
	http  *http.Client
}

func NewClient(base *url.URL, retry *Retry) *Client {
	return &Client{base: base, retry: retry, http: &http.Client{Transport: retry, CheckRedirect: checkRedirect(base)}}
}

func (c *Client) URL() string { return c.base.String() }

// Private says whether what goes to the server can't be overheard.
func (c *Client) Private() bool { return baseurl.IsPrivate(c.base) }

// maxRedirects is more than any server needs to clean a path up.
const maxRedirects = 5

// checkRedirect follows a GET below the base URL only: what else its host serves is
// somebody else's. Whatever else is asked for is handed back as the answer, for the
// StatusError to explain: a redirected POST turns into a GET or sends its body to a stranger.
func checkRedirect(base *url.URL) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		if via[0].Method != http.MethodGet || !baseurl.IsBelow(req.URL, base) || len(via) > maxRedirects {
			return http.ErrUseLastResponse
		}
		return nil
	}
}

// Get asks for a path below the base URL, perhaps with a query, and gives the answer
// if it is a 200. Its body goes on where it was cut, so it has to be one that never
// changes. accept is what the answer may be; "" does not say so.
func (c *Client) Get(ctx context.Context, call *Call, path, accept string) (*http.Response, error) {
	call.mode = bodyResume
	return c.get(ctx, call, path, accept)
}

// GetText is Get for an answer that fits into memory: one that is cut is asked for
// again from its beginning.
func (c *Client) GetText(ctx context.Context, call *Call, path string) (text []byte, header http.Header, err error) {
	call.mode = bodyWhole
	resp, err := c.get(ctx, call, path, "")
	if err != nil {
		return nil, nil, err
	}
	_ = resp.Body.Close() // it is in memory
	return call.text, resp.Header, nil
}

// GetStream is GetText for an answer that take reads to its end while it comes: it is
// called once for each attempt that brings one, and its error comes back as it is. Where that is
// io.ErrUnexpectedEOF, the answer was cut. changed is false where the server says that call.Tag
// is still that of its answer: then nothing was taken.
func (c *Client) GetStream(ctx context.Context, call *Call, path string, take func(http.Header, io.Reader) error) (changed bool, err error) {
	call.mode, call.take = bodyWhole, take
	resp, err := c.get(ctx, call, path, "")
	if err != nil {
		return false, err
	}
	_ = resp.Body.Close() // it was read
	return resp.StatusCode == http.StatusOK, call.took
}

func (c *Client) get(ctx context.Context, call *Call, path, accept string) (*http.Response, error) {
	req, err := c.newRequest(ctx, call, http.MethodGet, path)
	if err != nil {
		return nil, err
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	if call.Tag != "" {
		req.Header.Set("If-None-Match", call.Tag)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, call.NoAnswer(ctx, err)
	}
	if resp.StatusCode == http.StatusNotModified && call.Tag != "" {
		return resp, nil
	}
	if resp.StatusCode != http.StatusOK || isPage(resp) {
		if resp.StatusCode == http.StatusOK && call.mode == bodyWhole {
			resp.Body = io.NopCloser(bytes.NewReader(call.text))
		}
		defer func() { _ = resp.Body.Close() }() // its content has been judged
		return nil, call.Refused(resp)
	}
	return resp, nil
}

// newRequest makes a request. The segments of a path are ids or constants, so they
// need no escaping.
func (c *Client) newRequest(ctx context.Context, call *Call, method, path string) (*http.Request, error) {
	call.base = c.base.String()
	call.path, _, _ = strings.Cut(path, "?")
	req, err := http.NewRequestWithContext(withCall(ctx, call), method, c.base.String()+path, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", call.Op, err)
	}
	return req, nil
}

func ReadText(resp *http.Response) ([]byte, error) {
	return io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
}

// Trace logs one line for each attempt: never headers, queries or
// bodies, so that no secret can get in.
type Trace struct {
	Next http.RoundTripper
	Log  *slog.Logger
}

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

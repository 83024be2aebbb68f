// Package httplayer is how one call reaches a server over HTTP: the attempts, the
// token, the watch over what stands still, the log, and what an answer other than
// 200 means. Each layer is a RoundTripper that can stand alone; only package
// transport, its dialects and their tests may use them.
package httplayer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// maxAnswer is how much is read of an answer that is small by its nature, and of
// one that says no.
const maxAnswer = 64 << 10

// maxRedirects is more than any server needs to clean a path up.
const maxRedirects = 5

// Client sends calls to one server, through the layers that stand below it. It is
// safe for concurrent use.
type Client struct {
	base  *url.URL
	retry *Retry
	http  *http.Client
}

// NewClient makes a client for the server at a base URL.
func NewClient(base *url.URL, retry *Retry) *Client {
	return &Client{base: base, retry: retry, http: &http.Client{Transport: retry, CheckRedirect: checkRedirect}}
}

// URL is the normalised base URL.
func (c *Client) URL() string { return c.base.String() }

// Private says whether what goes to the server can't be overheard.
func (c *Client) Private() bool { return isPrivate(c.base) }

// checkRedirect follows a GET within the origin only. Whatever else is asked
// for is handed back as the answer, for the StatusError to explain: a redirected
// POST turns into a GET or sends its body to a stranger.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	if first.Method != http.MethodGet || !sameOrigin(req.URL, first.URL) || len(via) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}

// Get asks for a path below the base URL, perhaps with a query, and gives the answer
// if it is a 200. The segments of the path are ids or constants, so they need no
// escaping. Headers are names and values in turn.
func (c *Client) Get(ctx context.Context, call *Call, path string, headers ...string) (*http.Response, error) {
	req, err := c.newRequest(ctx, call, http.MethodGet, path)
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, call.NoAnswer(ctx, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, call.Refused(resp)
	}
	return resp, nil
}

func (c *Client) newRequest(ctx context.Context, call *Call, method, path string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(withCall(ctx, call), method, c.base.String()+path, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", call.Op, err)
	}
	return req, nil
}

// Text reads a small answer, and closes it.
func Text(resp *http.Response) ([]byte, error) {
	defer func() { _ = resp.Body.Close() }() // its content has been read
	return io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
}

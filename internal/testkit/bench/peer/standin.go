package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"time"
)

// client stands in for the reference client, engram 1.9.4: one request at a time over a connection that
// stays open, each body whole in memory, its rows decoded and encoded again, and files written plainly,
// without a check, a lock or a sync. Source: account-server.md 5.1, 5.2 and 6.
type client struct {
	url, token string
	dir        string // the chunk directory
	file       string // the journal
	http       http.Client
	stdout     io.Writer
}

// standIn is a mode in which the client does one thing.
func standIn(do func(*client, context.Context) error) Mode {
	return func(ctx context.Context, args []string, stdout, _ io.Writer) error {
		c := &client{stdout: stdout, http: http.Client{Timeout: 5 * time.Minute}} // it has 30 s, which large chunks over distances overrun
		if err := flags("the stand-in", args, func(set *flag.FlagSet) {
			set.StringVar(&c.url, "url", "", "")
			set.StringVar(&c.token, "token", "", "")
			set.StringVar(&c.dir, "dir", "", "")
			set.StringVar(&c.file, "file", "", "")
		}); err != nil {
			return err
		}
		return do(c, ctx)
	}
}

// exchange sends one request and gives the answer whole.
func (c *client) exchange(ctx context.Context, method, path string, body any) ([]byte, error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode a request: %w", err)
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, content)
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("send a request: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // only read
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read an answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %s: %.200s", method, path, resp.Status, answer)
	}
	return answer, nil
}

// get decodes the answer to a GET.
func (c *client) get(ctx context.Context, path string, into any) error {
	answer, err := c.exchange(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	return nil
}

// batch is how many mutations the reference client sends or asks for at once.
const batch = 100

var errAccepted = errors.New("the server accepted another number of mutations than were sent")

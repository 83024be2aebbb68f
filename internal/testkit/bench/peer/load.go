package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/engram-sync/engram-sync/internal/testkit/corpus"
)

// load pushes small chunks from many clients at once, each with a connection of its own, to one or several
// servers of one account, and prints how many seconds it took.
func load(ctx context.Context, args []string, stdout, _ io.Writer) error {
	var url, token string
	var clients, pushes, size int
	if err := flags("load", args, func(set *flag.FlagSet) {
		set.StringVar(&url, "url", "", "")
		set.StringVar(&token, "token", "", "")
		set.IntVar(&clients, "clients", 1, "")
		set.IntVar(&pushes, "pushes", 0, "")
		set.IntVar(&size, "size", 0, "")
	}); err != nil {
		return err
	}
	bodies, err := smallPushes(pushes, size)
	if err != nil {
		return err
	}
	var next atomic.Int64
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	urls := strings.Split(url, ",")
	for n := range clients {
		group.Go(func() error {
			one := &http.Client{Transport: &http.Transport{}}
			defer one.CloseIdleConnections()
			for {
				i := int(next.Add(1)) - 1
				if i >= len(bodies) {
					return nil
				}
				if err := pushOne(ctx, one, urls[n%len(urls)], token, bodies[i]); err != nil {
					return err
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, time.Since(began).Seconds())
	return err
}

// smallPushes are the bodies of so many pushes.
func smallPushes(n, size int) ([][]byte, error) {
	author := corpus.NewAuthor(uint64(n))
	bodies := make([][]byte, n)
	for i := range bodies {
		var err error
		bodies[i], err = json.Marshal(envelope{ChunkID: fmt.Sprintf("%08x", i), CreatedBy: "dev", Data: author.Chunk("s-1", size)})
		if err != nil {
			return nil, fmt.Errorf("encode a chunk: %w", err)
		}
	}
	return bodies, nil
}

func pushOne(ctx context.Context, c *http.Client, url, token string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/sync/push", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make a push: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := c.Do(req)
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // only read
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("push: %s: %.200s", resp.Status, answer)
	}
	return nil
}

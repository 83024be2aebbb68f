package peer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// calm is an account that pushes a small chunk and lists its chunks, one request at a time, and prints how
// many seconds half of these pairs took at most, and 99 of 100.
func calm(ctx context.Context, args []string, stdout, _ io.Writer) error {
	var url, token string
	var rounds, size int
	if err := flags("calm", args, func(set *flag.FlagSet) {
		set.StringVar(&url, "url", "", "")
		set.StringVar(&token, "token", "", "")
		set.IntVar(&rounds, "rounds", 0, "")
		set.IntVar(&size, "size", 0, "")
	}); err != nil {
		return err
	}
	bodies, err := smallPushes(rounds, size)
	if err != nil {
		return err
	}
	c := &client{url: url, token: token, http: http.Client{Timeout: time.Minute}}
	took := make([]time.Duration, 0, rounds)
	for _, body := range bodies {
		began := time.Now()
		if err := pushOne(ctx, &c.http, url, token, body); err != nil {
			return err
		}
		if _, err := c.exchange(ctx, http.MethodGet, "/sync/mutations/pull", nil); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	_, err = fmt.Fprintln(stdout, took[len(took)/2].Seconds(), took[len(took)*99/100].Seconds())
	return err
}

// The ways of an account to ask for all that it can get.
var hostilities = map[string]func(*hostile, context.Context) error{
	"pages":  (*hostile).pages,
	"rows":   (*hostile).rows,
	"bodies": (*hostile).bodies,
	"lists":  (*hostile).lists,
}

type hostile struct {
	*client
	many, size int
	batch      string // what rows sends
}

// beHostile says "on it" once it is at it, and goes on until it is stopped.
func beHostile(ctx context.Context, args []string, _, stderr io.Writer) error {
	h := &hostile{client: &client{}}
	var kind string
	if err := flags("hostile", args, func(set *flag.FlagSet) {
		set.StringVar(&h.url, "url", "", "")
		set.StringVar(&h.token, "token", "", "")
		set.StringVar(&kind, "kind", "", "")
		set.IntVar(&h.many, "many", 1, "")
		set.IntVar(&h.size, "size", 0, "")
	}); err != nil {
		return err
	}
	do, ok := hostilities[kind]
	if !ok {
		return fmt.Errorf("nobody is hostile by %q", kind)
	}
	if err := h.prepare(ctx, kind); err != nil {
		return err
	}
	group, going := errgroup.WithContext(ctx)
	for range h.many {
		group.Go(func() error {
			for going.Err() == nil {
				_ = do(h, going) // the server may refuse, and it begins again
			}
			return nil
		})
	}
	fmt.Fprintln(stderr, "on http://it") // as servers say it
	err := group.Wait()
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	return err
}

// prepare makes what is sent or asked for later, of the size: on two cores, making it again and again would be felt by
// the calm account as well, whom a hostile one has on a machine of its own.
func (h *hostile) prepare(ctx context.Context, kind string) error {
	switch kind {
	case "rows":
		const row = `{"entity":"e","op":"o","payload":{}},`
		h.batch = `{"mutations":[` + strings.TrimSuffix(strings.Repeat(row, h.size/len(row)), ",") + `]}`
	case "pages":
		_, err := h.exchange(ctx, http.MethodPost, "/sync/mutations/push", map[string]any{"mutations": []any{map[string]any{
			"entity": "observation", "entity_key": "o", "op": "upsert", "payload": map[string]string{"content": strings.Repeat("memory ", h.size/7)},
		}}})
		return err
	case "lists":
		bodies, err := smallPushes(h.size, 200)
		if err != nil {
			return err
		}
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(32)
		for _, body := range bodies {
			group.Go(func() error { return pushOne(ctx, &h.http, h.url, h.token, body) })
		}
		return group.Wait()
	}
	return nil
}

// send begins a request on a connection of its own.
func (h *hostile) send(ctx context.Context, method, path string, size int) (net.Conn, error) {
	at, err := url.Parse(h.url)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", at.Host)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", method, path, at.Host, h.token, size)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// untilCut waits for the server to close the connection, or for the end.
func untilCut(ctx context.Context, conn net.Conn, every time.Duration, do func() error) error {
	defer func() { _ = conn.Close() }() // whatever became of it
	beat := time.NewTicker(every)
	defer beat.Stop()
	for {
		select {
		case <-beat.C:
			if err := do(); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// pages asks for a page, and takes a byte of it now and then.
func (h *hostile) pages(ctx context.Context) error {
	return h.slowly(ctx, "/sync/mutations/pull?limit=1000")
}

// lists does so with a list.
func (h *hostile) lists(ctx context.Context) error { return h.slowly(ctx, "/sync/pull") }

func (h *hostile) slowly(ctx context.Context, path string) error {
	conn, err := h.send(ctx, http.MethodGet, path, 0)
	if err != nil {
		return err
	}
	one := make([]byte, 1)
	return untilCut(ctx, conn, time.Second, func() error {
		_, err := conn.Read(one)
		return err
	})
}

// bodies sends the beginning of a push, and a byte now and then.
func (h *hostile) bodies(ctx context.Context) error {
	conn, err := h.send(ctx, http.MethodPost, "/sync/push", 1<<20)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(conn, `{"chunk_id":"0000`); err != nil {
		return errors.Join(err, conn.Close())
	}
	return untilCut(ctx, conn, 20*time.Second, func() error {
		_, err := io.WriteString(conn, "0")
		return err
	})
}

// rows sends 10 MB of tiny rows.
func (h *hostile) rows(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/sync/mutations/push", strings.NewReader(h.batch))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+h.token)
	resp, err := h.http.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/adrg/xdg"

	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// embedded is the name of the remote that runs inside this process.
const embedded = "embedded"

// connection is a remote that is ready to be talked to.
type connection struct {
	*transport.RemoteTransport
	label   string // to call it by: a URL, or embedded:DIR
	source  auth.Source
	aliases *state.Aliases
	close   func() error
}

// connect makes a connection to the configured remote. Nothing is sent yet. The
// caller closes it.
func (a *app) connect(ctx context.Context) (*connection, error) {
	if a.cfg.RemoteErr != nil {
		return nil, a.cfg.RemoteErr
	}
	url := a.cfg.Remote.URL
	if url == embedded || strings.HasPrefix(url, embedded+":") {
		return a.connectEmbedded(ctx, strings.TrimPrefix(strings.TrimPrefix(url, embedded), ":"))
	}
	c := &connection{source: auth.FromEnv(a.getenv, a.cfg.Remote.FromEngramEnv), close: func() error { return nil }}
	return c, a.finish(c, url, a.transportOptions())
}

// connectEmbedded opens an account server on a file, in this process.
func (a *app) connectEmbedded(ctx context.Context, dir string) (*connection, error) {
	if dir == "" {
		dir = filepath.Join(xdg.DataHome, "engram-sync", "vault")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open the embedded server: %w", err)
	}
	srv, err := server.Open(ctx, server.Options{Dir: dir, Logger: a.log})
	if err != nil {
		return nil, fmt.Errorf("open the embedded server: %w", err)
	}
	token, err := srv.LocalToken(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the embedded server: %w", err), srv.Close())
	}
	c := &connection{label: embedded + ":" + dir, source: auth.Fixed(token, "the embedded server"), close: srv.Close}
	opts := a.transportOptions()
	opts.Base = srv.InProcess()
	if err := a.finish(c, "http://localhost", opts); err != nil {
		return nil, errors.Join(err, srv.Close())
	}
	return c, nil
}

func (a *app) finish(c *connection, url string, opts transport.Options) error {
	var err error
	if c.RemoteTransport, err = transport.NewRemoteTransport(url, c.source, opts); err != nil {
		return err
	}
	if c.label == "" {
		c.label = c.URL()
	}
	c.aliases, err = state.OpenAliases(state.Dir(), c.label)
	return err
}

func (a *app) transportOptions() transport.Options {
	retries := a.cfg.Retries
	if retries == 0 {
		retries = -1 // which is never, where 0 means the default
	}
	return transport.Options{
		Concurrency:   a.cfg.Concurrency,
		Timeout:       a.cfg.Timeout,
		Retries:       retries,
		MaxChunkBytes: a.cfg.MaxChunkBytes,
		InsecureHTTP:  a.cfg.InsecureHTTP,
		UserAgent:     "engram-sync/" + version,
		Logger:        a.log,
		Notify: func(w transport.Wait) {
			a.note("waiting %s: %s", w.For.Round(time.Second), w.Cause)
		},
	}
}

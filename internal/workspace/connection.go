package workspace

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/adrg/xdg"

	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/config"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// Connection is a remote that is ready to be talked to.
type Connection struct {
	*transport.RemoteTransport
	Label   string  // to call it by: a URL, or embedded:DIR
	Project Project // that a project server is asked about; zero if none is known
	Source  auth.Source
	Aliases *state.Aliases

	close func() error // nil if nothing has to be closed
}

// With runs f with a connection to the configured remote. Nothing is sent
// before f sends it.
func (w *Workspace) With(ctx context.Context, f func(*Connection) error) (err error) {
	conn, err := connect(ctx, w)
	if err != nil {
		return err
	}
	if conn.close != nil {
		defer func() { err = errors.Join(err, conn.close()) }()
	}
	return f(conn)
}

func connect(ctx context.Context, w *Workspace) (*Connection, error) {
	if w.Config.RemoteErr == nil && isEmbedded(w.Config.Remote.URL) {
		return connectEmbedded(ctx, w)
	}
	base, err := w.BaseURL()
	if err != nil {
		return nil, err
	}
	source, err := w.Finder(base).Find(ctx)
	if err != nil {
		return nil, err
	}
	c, err := w.Dial(base, source)
	if err != nil {
		return nil, err
	}
	warnCleartext(w, c, "the token goes")
	c.refreshWith(source.Login())
	return c, nil
}

// WithAnonymous is With for somebody who is not logged in yet, or wants to be
// somebody else.
func (w *Workspace) WithAnonymous(ctx context.Context, f func(*Connection) error) error {
	if w.Config.RemoteErr == nil && isEmbedded(w.Config.Remote.URL) {
		return terminal.Usagef("the embedded server needs no login")
	}
	base, err := w.BaseURL()
	if err != nil {
		return err
	}
	if err := w.Logins().Check(ctx, w.Config.CredentialStore); err != nil {
		return err
	}
	c, err := w.Dial(base, auth.Source{})
	if err != nil {
		return err
	}
	warnCleartext(w, c, "what you sign in with and the tokens go")
	return f(c)
}

// BaseURL is the URL of the configured remote in the form that logins are kept under.
func (w *Workspace) BaseURL() (string, error) {
	if w.Config.RemoteErr != nil {
		return "", w.Config.RemoteErr
	}
	return transport.NormalizeURL(w.Config.Remote.URL)
}

// refreshWith lets the connection refresh the tokens of a login, if it has any
// to refresh with.
func (c *Connection) refreshWith(login *auth.Login) {
	if login == nil || login.Tokens().Refresh == "" {
		return
	}
	stored := func(ctx context.Context) (transport.Tokens, func() error, error) {
		tokens, release, err := login.Exclusive(ctx)
		return transport.Tokens(tokens), release, err
	}
	c.SetTokenRefresher(stored, func(ctx context.Context, tokens transport.Tokens) error {
		return login.Save(ctx, auth.Credentials(tokens))
	})
}

// warnCleartext says, each time, what --insecure-http means.
func warnCleartext(w *Workspace, c *Connection, what string) {
	if w.Config.InsecureHTTP && !c.Private() {
		w.term.Warn("insecure-http: " + what + " to " + c.Label + " in clear text, for everybody on the way to read")
	}
}

// embedded is the name of the remote that runs inside this process.
const embedded = "embedded"

func isEmbedded(url string) bool { return url == embedded || strings.HasPrefix(url, embedded+":") }

// connectEmbedded opens an account server on a file, in this process.
func connectEmbedded(ctx context.Context, w *Workspace) (*Connection, error) {
	dir := strings.TrimPrefix(strings.TrimPrefix(w.Config.Remote.URL, embedded), ":")
	if dir == "" {
		dir = filepath.Join(xdg.DataHome, "engram-sync", "vault")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open the embedded server: %w", err)
	}
	srv, err := server.Open(ctx, server.Options{Dir: dir, Logger: w.Log})
	if err != nil {
		return nil, fmt.Errorf("open the embedded server: %w", err)
	}
	token, err := srv.LocalToken(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the embedded server: %w", err), srv.Close())
	}
	c := &Connection{Label: embedded + ":" + dir, Source: auth.Fixed(token, "the embedded server"), close: srv.Close}
	if err := finish(w, c, "http://localhost", srv.InProcess()); err != nil {
		return nil, errors.Join(err, srv.Close())
	}
	return c, nil
}

// Dial makes a connection to a server, with the token of a source.
func (w *Workspace) Dial(base string, source auth.Source) (*Connection, error) {
	c := &Connection{Source: source}
	return c, finish(w, c, base, nil)
}

// finish makes the transport of a connection; requests go through base, or the
// network if that is nil.
func finish(w *Workspace, c *Connection, url string, base http.RoundTripper) error {
	opts, err := transportOptions(w)
	if err != nil {
		return err
	}
	opts.Base = base
	knowKind(&opts, w.Config, url)
	c.Project, opts.NoProject = w.ServerProject()
	opts.Project = c.Project.Name
	w.TokenFrom = c.Source.From()
	if c.RemoteTransport, err = transport.NewRemoteTransport(url, c.Source, opts); err != nil {
		return err
	}
	if c.Label == "" {
		c.Label = c.URL()
	}
	c.Aliases, err = state.OpenAliases(state.Dir(), c.Label)
	return err
}

// knowKind tells the transport what is known of the server: from the user, or
// from an earlier run.
func knowKind(opts *transport.Options, cfg config.Config, url string) {
	switch {
	case opts.Base != nil:
		opts.Kind, opts.Forced = transport.KindAccount, true // embedded
	case cfg.Protocol != "auto":
		opts.Kind, opts.Forced = transport.Kind(cfg.Protocol), true
	default:
		opts.Kind = transport.Kind(state.ReadKind(state.Dir(), url))
		opts.OnKind = func(kind transport.Kind) { state.WriteKind(state.Dir(), url, string(kind)) }
	}
}

func transportOptions(w *Workspace) (transport.Options, error) {
	tlsConfig, err := tlsConfig(w.Config)
	if err != nil {
		return transport.Options{}, err
	}
	retries := w.Config.Retries
	if retries == 0 {
		retries = -1 // which is never, where 0 means the default
	}
	return transport.Options{
		Concurrency:   w.Config.Concurrency,
		Timeout:       w.Config.Timeout,
		Retries:       retries,
		MaxChunkBytes: w.Config.MaxChunkBytes,
		InsecureHTTP:  w.Config.InsecureHTTP,
		TLS:           tlsConfig,
		UserAgent:     "engram-sync/" + w.Version,
		Logger:        w.Log,
		Notify: func(wait transport.Wait) {
			w.term.Note("waiting %s: %s", wait.For.Round(time.Second), wait.Cause)
		},
	}, nil
}

package workspace

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/config"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/sharing"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// Connection is a remote that is ready to be talked to.
type Connection struct {
	*transport.RemoteTransport
	Label   string  // to know it by: a URL, or embedded:DIR
	Called  string  // what people call it: its name in the configuration, or else the label
	Project Project // that a project server is asked about; zero if none is known
	Source  auth.Source
	Aliases *state.Aliases

	close func() error // nil if nothing has to be closed
	later func(what string)
}

// ReadManifest says too if nobody here knows its version.
func (c *Connection) ReadManifest(ctx context.Context) (*engram.Manifest, error) {
	m, err := c.RemoteTransport.ReadManifest(ctx)
	if err == nil && m.Generation() == 0 {
		c.later(fmt.Sprintf("the remote's manifest has version %d", m.Version()))
	}
	return m, err
}

// Generation is that of a project server. It is asked for once, and then remembered:
// whether a server is of 2.x or of a later line shows only then.
func (c *Connection) Generation(ctx context.Context) (engram.Generation, error) {
	if f := c.Facts(); f.Generation == 0 || f.OrLater {
		if err := c.FindGeneration(ctx); err != nil {
			return 0, err
		}
	}
	return c.Facts().Generation, nil
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
	if dir, ok := w.Config.Remote.Embedded(); ok {
		return connectEmbedded(ctx, w, dir)
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
	if _, ok := w.Config.Remote.Embedded(); ok {
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

// Inspect looks at the way to the configured remote, without a token. timeout bounds each step.
func (w *Workspace) Inspect(ctx context.Context, timeout time.Duration) (*transport.Way, error) {
	base, err := w.BaseURL()
	if err != nil {
		return nil, err
	}
	authorities, err := tlsConfig(w.Config)
	if err != nil {
		return nil, err
	}
	return transport.Inspect(ctx, base, authorities, timeout, w.Getenv)
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

// RemoteLabel is what a connection to the configured remote would have as its Label.
func (w *Workspace) RemoteLabel() (string, error) {
	if named, ok := w.Config.Remote.Embedded(); ok {
		dir, err := vaultPath(named)
		return "embedded:" + dir, err
	}
	return w.BaseURL()
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
	opts.Base, c.later = base, w.NoteLater
	knowServer(&opts, w, url)
	c.Project, opts.NoProject = w.ServerProject()
	opts.Project = c.Project.Name
	w.TokenFrom = c.Source.From()
	if c.RemoteTransport, err = transport.NewRemoteTransport(url, c.Source, opts); err != nil {
		return err
	}
	if c.Label == "" {
		c.Label = c.URL()
	}
	c.Called = cmp.Or(w.Config.Remote.Name, c.Label)
	c.Aliases, err = state.OpenAliases(w.State(), c.Label)
	return err
}

// knowServer tells the transport what is known of the server: from the user, or
// from an earlier run.
func knowServer(opts *transport.Options, w *Workspace, url string) {
	if opts.Base != nil { // embedded
		opts.Known.Kind, opts.Forced, opts.OwnDisk = transport.KindAccount, true, true
		return
	}
	opts.Lists = state.ListsOf(w.State(), url)
	known := state.ReadServer(w.State(), url)
	opts.Known = transport.Facts{
		Kind: transport.Kind(known.Kind), Generation: known.Generation, OrLater: known.OrLater, Asked: known.Asked, Gzip: transport.Gzip(known.Gzip), Limit: known.Limit, LimitAt: known.LimitAt,
	}
	opts.OnFacts = func(f transport.Facts) {
		state.WriteServer(w.State(), url, state.Server{
			Kind: string(f.Kind), Generation: f.Generation, OrLater: f.OrLater, Asked: f.Asked, Gzip: string(f.Gzip), Limit: f.Limit, LimitAt: f.LimitAt,
		})
	}
	if forced := transport.Kind(w.Config.Protocol); w.Config.Protocol != "auto" {
		if opts.Forced = true; opts.Known.Kind != forced {
			opts.Known = transport.Facts{Kind: forced}
		}
	}
}

// Elsewhere is the way to a server that is no remote: through the same proxies, with the same authorities, and with
// nothing that says who we are.
func (w *Workspace) Elsewhere(to *url.URL) (http.RoundTripper, error) {
	known := w.Config
	known.ClientCert = ""
	authorities, err := tlsConfig(known)
	if err != nil {
		return nil, err
	}
	return transport.NewNetwork(to, transport.Options{TLS: authorities, DialContext: w.DialContext, Getenv: w.Getenv})
}

// UserAgent is what this program calls itself.
func (w *Workspace) UserAgent() string { return "engram-sync/" + w.Version }

func transportOptions(w *Workspace) (transport.Options, error) {
	tlsConfig, err := tlsConfig(w.Config)
	if err != nil {
		return transport.Options{}, err
	}
	retries := w.Config.Retries
	if retries == 0 || w.Config.RetryTime == 0 {
		retries = -1 // which is never, where 0 means the default
	}
	return transport.Options{
		Concurrency:   w.Config.Concurrency,
		Timeout:       w.Config.Timeout,
		Retries:       retries,
		RetryTime:     w.Config.RetryTime,
		MaxChunkBytes: w.Config.MaxChunkBytes,
		LimitUpload:   w.Config.LimitUpload,
		LimitDownload: w.Config.LimitDownload,
		InsecureHTTP:  w.Config.InsecureHTTP,
		TLS:           tlsConfig,
		DialContext:   w.DialContext,
		Getenv:        w.Getenv,
		UserAgent:     w.UserAgent(),
		Logger:        w.Log,
		Notify: func(wait transport.Wait) {
			w.term.Note("waiting %s: %s", wait.For.Round(time.Second), wait.Cause)
		},
	}, nil
}

// Finder looks for the token of a server where the configuration says.
func (w *Workspace) Finder(base string) auth.Finder {
	return auth.Finder{
		Environ: w.Environ, EngramRemote: w.Config.Remote.FromEngramEnv, Unmeant: w.unmeant(), Command: w.Config.Remote.TokenCommand,
		BaseURL: base, Logins: w.Logins(),
	}
}

// unmeant says why a token of the environment is not meant for the remote, if it is not.
func (w *Workspace) unmeant() *auth.UnmeantError {
	if !w.Config.RemoteByRepo {
		return nil
	}
	return &auth.UnmeantError{File: w.Inputs.RepoFile, Remote: w.Config.Remote.Name}
}

// Logins are the accounts on this machine, with all stores that their secrets
// can be in.
func (w *Workspace) Logins() auth.Logins {
	return auth.NewLogins(state.Dir(), auth.NewKeyring(w.Getenv, keyringWait(w)), w.CredentialFile())
}

// CredentialFile is where tokens are kept in plain text, for those who chose that.
func (w *Workspace) CredentialFile() *auth.File { return auth.NewFile(state.Dir()) }

// keyringWait is how long the keyring may take: on a desktop, where its prompt
// is seen, as long as it takes to type a password.
func keyringWait(w *Workspace) time.Duration {
	if w.term.Interactive() && (w.Getenv("DISPLAY") != "" || w.Getenv("WAYLAND_DISPLAY") != "") {
		return time.Minute
	}
	return auth.KeyringWait
}

// tlsConfig is for servers whose certificate the system does not know, and for
// those that want to know ours. nil means Go's defaults.
func tlsConfig(cfg config.Config) (*tls.Config, error) {
	if cfg.CACert == "" && cfg.ClientCert == "" {
		return nil, nil
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.CACert != "" {
		pool, err := caPool(cfg.CACert)
		if err != nil {
			return nil, terminal.Usagef("ca-cert: %w: correct --ca-cert, or the setting ca_cert", err)
		}
		conf.RootCAs = pool
	}
	if cfg.ClientCert != "" {
		cert, err := tls.LoadX509KeyPair(cfg.ClientCert, cfg.ClientKey)
		if err != nil {
			return nil, terminal.Usagef("client-cert: %w: correct --client-cert and --client-key, or the settings client_cert and client_key", err)
		}
		conf.Certificates = []tls.Certificate{cert}
	}
	return conf, nil
}

// caPool is the system's authorities and those in the file.
func caPool(path string) (*x509.CertPool, error) {
	text, err := sharing.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a system without authorities has only the user's
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New(path + " holds no certificate in PEM")
	}
	return pool, nil
}

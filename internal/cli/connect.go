package cli

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
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// embedded is the name of the remote that runs inside this process.
const embedded = "embedded"

// connection is a remote that is ready to be talked to.
type connection struct {
	*transport.RemoteTransport
	label   string  // to call it by: a URL, or embedded:DIR
	project project // that a project server is asked about; zero if none is known
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
	if isEmbedded(url) {
		return a.connectEmbedded(ctx, strings.TrimPrefix(strings.TrimPrefix(url, embedded), ":"))
	}
	base, err := transport.NormalizeURL(url)
	if err != nil {
		return nil, err
	}
	source, err := a.finder(base).Find(ctx)
	if err != nil {
		return nil, err
	}
	c := &connection{source: source, close: func() error { return nil }}
	if err := a.finish(c, base); err != nil {
		return nil, err
	}
	a.warnOverheard(c, "the token goes")
	c.refreshWith(source.Login())
	return c, nil
}

// finder looks for the token of a server where the configuration says.
func (a *app) finder(base string) auth.Finder {
	return auth.Finder{
		Environ: a.environ, EngramRemote: a.cfg.Remote.FromEngramEnv, Command: a.cfg.Remote.TokenCommand,
		BaseURL: base, Logins: a.logins(),
	}
}

// logins are the accounts on this machine, with all stores that their secrets
// can be in.
func (a *app) logins() auth.Logins {
	return auth.NewLogins(state.Dir(), auth.NewKeyring(a.getenv, a.keyringWait()), a.credentialFile())
}

// keyringWait is how long the keyring may take: on a desktop, where its prompt
// is seen, as long as it takes to type a password.
func (a *app) keyringWait() time.Duration {
	if terminal(a.stdin) && (a.getenv("DISPLAY") != "" || a.getenv("WAYLAND_DISPLAY") != "") {
		return time.Minute
	}
	return auth.KeyringWait
}

func (a *app) credentialFile() *auth.File { return auth.NewFile(state.Dir()) }

// refreshWith lets the connection refresh the tokens of a login, if it has any
// to refresh with.
func (c *connection) refreshWith(login *auth.Login) {
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

// withConnection runs f with a connection to the configured remote.
func (a *app) withConnection(ctx context.Context, f func(*connection) error) (err error) {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.close()) }()
	return f(conn)
}

// withStranger is withConnection for somebody who is not logged in yet, or
// wants to be somebody else.
func (a *app) withStranger(ctx context.Context, f func(*connection) error) error {
	if a.cfg.RemoteErr != nil {
		return a.cfg.RemoteErr
	}
	if isEmbedded(a.cfg.Remote.URL) {
		return &usageError{err: errors.New("the embedded server needs no login")}
	}
	base, err := transport.NormalizeURL(a.cfg.Remote.URL)
	if err != nil {
		return err
	}
	if err := a.logins().Check(ctx, a.cfg.CredentialStore); err != nil {
		return err
	}
	c := &connection{}
	if err := a.finish(c, base); err != nil {
		return err
	}
	a.warnOverheard(c, "what you sign in with and the tokens go")
	return f(c)
}

// warnOverheard says, each time, what --insecure-http means.
func (a *app) warnOverheard(c *connection, what string) {
	if a.cfg.InsecureHTTP && !c.Private() {
		a.warn("insecure-http: " + what + " to " + c.label + " in clear text, for everybody on the way to read")
	}
}

func isEmbedded(url string) bool { return url == embedded || strings.HasPrefix(url, embedded+":") }

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
	if err := a.finish(c, "http://localhost", withBase(srv.InProcess())); err != nil {
		return nil, errors.Join(err, srv.Close())
	}
	return c, nil
}

// withBase sends requests through something else than the network.
func withBase(base http.RoundTripper) func(*transport.Options) {
	return func(o *transport.Options) { o.Base = base }
}

func (a *app) finish(c *connection, url string, change ...func(*transport.Options)) error {
	opts, err := a.transportOptions()
	if err != nil {
		return err
	}
	for _, f := range change {
		f(&opts)
	}
	a.knowKind(&opts, url)
	c.project, opts.NoProject = a.serverProject()
	opts.Project = c.project.Name
	a.tokenFrom = c.source.From()
	if c.RemoteTransport, err = transport.NewRemoteTransport(url, c.source, opts); err != nil {
		return err
	}
	if c.label == "" {
		c.label = c.URL()
	}
	c.aliases, err = state.OpenAliases(state.Dir(), c.label)
	return err
}

// knowKind tells the transport what is known of the server: from the user, or
// from an earlier run.
func (a *app) knowKind(opts *transport.Options, url string) {
	switch {
	case opts.Base != nil:
		opts.Kind, opts.Forced = transport.KindAccount, true // embedded
	case a.cfg.Protocol != "auto":
		opts.Kind, opts.Forced = transport.Kind(a.cfg.Protocol), true
	default:
		switch kind := transport.Kind(state.ReadKind(state.Dir(), url)); kind {
		case transport.KindAccount, transport.KindProject:
			opts.Kind = kind
		}
		opts.OnKind = func(kind transport.Kind) { state.WriteKind(state.Dir(), url, string(kind)) }
	}
}

func (a *app) transportOptions() (transport.Options, error) {
	tlsConfig, err := a.tlsConfig()
	if err != nil {
		return transport.Options{}, err
	}
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
		TLS:           tlsConfig,
		UserAgent:     "engram-sync/" + version,
		Logger:        a.log,
		Notify: func(w transport.Wait) {
			a.note("waiting %s: %s", w.For.Round(time.Second), w.Cause)
		},
	}, nil
}

// Package transport is one Engram Cloud server, as RemoteTransport: chunks, the
// manifest and the mutation journal, whichever of two dialects the server speaks.
// Commands make one and hand it to the loops, which know it by interfaces of theirs.
package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/account"
	"github.com/engram-sync/engram-sync/internal/transport/baseurl"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
	"github.com/engram-sync/engram-sync/internal/transport/network"
	"github.com/engram-sync/engram-sync/internal/transport/project"
	"github.com/engram-sync/engram-sync/internal/transport/protocol"
)

// RemoteTransport talks to one server: as one account to an account server
// (account-server.md), about one project to a project server (project-server.md).
// It is safe for concurrent use.
type RemoteTransport struct {
	*account.SignIn
	client  *httplayer.Client
	bearer  *httplayer.Bearer
	account *account.Dialect
	project *project.Dialect
	opts    Options
	// pulling is full while a page of the journal is pulled: see PullMutations.
	pulling chan struct{}

	// heard says that the server's refusals are its own, after so many controls: see doubt.
	heard    atomic.Bool
	controls atomic.Int32
	// settling is for pushes that are in doubt.
	settling settling
	// listed is the latest manifest.
	listed atomic.Pointer[engram.Manifest]

	telling sync.Mutex // held while somebody hears of facts
	factsMu sync.Mutex
	facts   Facts
	sure    bool // the server has shown its kind in this process, as against a cache

	askGeneration sync.Mutex
	asked         bool // for the route that tells 3.x
	askLimit      sync.Mutex
}

// NewRemoteTransport makes a transport for the server at baseURL, which wraps
// ErrBadURL in its error if it is not one, and ErrProxy if a variable names a proxy that can't be used. token may be nil for a server that needs none.
func NewRemoteTransport(baseURL string, token TokenSource, opts Options) (*RemoteTransport, error) {
	base, err := baseurl.Parse(baseURL)
	if err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	if opts.Base == nil {
		link, err := network.New(network.Options{URL: base, TLS: opts.TLS, Workers: opts.Concurrency, Timeout: opts.Timeout, Getenv: opts.Getenv})
		if err != nil {
			return nil, err
		}
		if opts.DialContext != nil {
			link.DialContext = opts.DialContext
		}
		opts.Base = link
	}
	trace := &httplayer.Trace{Next: opts.Base, Log: opts.Logger}
	stall := &httplayer.Stall{Next: trace, Timeout: opts.Timeout}
	pace := &httplayer.Pace{Next: stall, Up: httplayer.NewPace(opts.LimitUpload), Down: httplayer.NewPace(opts.LimitDownload)}
	bearer := &httplayer.Bearer{Next: pace, Base: base, Source: token, Insecure: opts.InsecureHTTP, UserAgent: opts.UserAgent}
	retry := &httplayer.Retry{Next: bearer, Retries: opts.Retries, Time: opts.RetryTime, Notify: opts.Notify}
	client := httplayer.NewClient(base, retry)
	t := &RemoteTransport{SignIn: &account.SignIn{Client: client}, client: client, bearer: bearer, opts: opts, pulling: make(chan struct{}, 1)}
	t.Else = func(ctx context.Context) error { return t.askKind(ctx, "look who is there") }
	t.account = &account.Dialect{Client: client, MaxChunkBytes: opts.MaxChunkBytes, Logger: opts.Logger, Lists: opts.Lists, Stranger: t.forget}
	t.project = project.New(project.Options{
		Client: client, MaxChunkBytes: opts.MaxChunkBytes, Project: opts.Project, NoProject: opts.NoProject, Stranger: t.forget,
		Sure:      func() bool { _, sure := t.known(); return sure },
		Gzip:      func() project.Gzip { return t.Facts().Gzip },
		LearnGzip: func(gzip project.Gzip) { t.update(func(f *Facts) { f.Gzip = gzip }) },
	})
	if t.dialectOf(opts.Known.Kind) != nil {
		t.facts = opts.Known.remembered(time.Now())
	}
	return t, nil
}

// NewNetwork is the way to any other server than a remote, with the proxies and authorities of opts. The
// error is as that of NewRemoteTransport.
func NewNetwork(to *url.URL, opts Options) (http.RoundTripper, error) {
	opts = opts.withDefaults()
	link, err := network.New(network.Options{URL: to, TLS: opts.TLS, Workers: 1, Timeout: opts.Timeout, Getenv: opts.Getenv})
	if err != nil {
		return nil, err
	}
	if opts.DialContext != nil {
		link.DialContext = opts.DialContext
	}
	return link, nil
}

// URL is the normalised base URL, which credentials and saved state are keyed by.
func (t *RemoteTransport) URL() string { return t.client.URL() }

// Private says whether what goes to the server can't be overheard: over TLS, or
// within this machine.
func (t *RemoteTransport) Private() bool { return t.client.Private() }

// SetTokenRefresher makes the transport renew its access token ahead of its
// end, and once after a 401. stored gives the refresh token; onTokenRefresh
// stores what was exchanged for it, before it is used. If that fails, the
// work goes on, with a warning. It is called before the first request.
func (t *RemoteTransport) SetTokenRefresher(stored StoredTokens, onTokenRefresh func(context.Context, Tokens) error) {
	t.bearer.Renewer = httplayer.NewRenewer(stored, t.Exchange, onTokenRefresh, t.opts.Logger)
}

// RefreshToken renews the access token now, whatever its age, and gives it.
func (t *RemoteTransport) RefreshToken(ctx context.Context) (string, error) {
	return t.bearer.Renew(ctx)
}

// AccessToken gives the token that the next request would use, renewed if it
// is about to end; "" if there is none.
func (t *RemoteTransport) AccessToken(ctx context.Context) (string, error) {
	return t.bearer.Token(ctx)
}

// Options are how a RemoteTransport behaves. Zero values get the defaults named here.
type Options struct {
	// Base is what requests finally go through; nil means a transport of its
	// own, which honours the proxy variables.
	Base http.RoundTripper
	// TLS is for authorities and client certificates of one's own; nil means
	// Go's defaults. It counts only where Base is nil.
	TLS *tls.Config
	// DialContext makes connections for the transport's own network; nil means TCP. It
	// counts only where Base is nil.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Getenv reads the proxy variables; nil means that there are none. It too
	// counts only where Base is nil.
	Getenv func(name string) string
	// Concurrency is how many requests the caller runs at once, so that as many
	// connections are kept. Default 8.
	Concurrency int
	// Timeout is how long a request may stand still, without a byte in either
	// direction. Default 30 s.
	Timeout time.Duration
	// Retries is how often a request is repeated at most; negative means never. Default
	// 100, which is more than fit into the default of RetryTime.
	Retries int
	// RetryTime is how long one request may go on failing: its failed attempts and the
	// pauses between them, while bytes move only up to 30 s of each. Default 2 min.
	RetryTime time.Duration
	// SettleFor is how long pushes that are in doubt are looked for, all together.
	// Default 30 s.
	SettleFor time.Duration
	// MaxChunkBytes bounds the uncompressed size of a chunk. Default 512 MiB.
	MaxChunkBytes int64
	// LimitUpload and LimitDownload bound the bodies that go up and come down, in bytes a second of
	// all requests together, as they are on the wire; 0 is no limit.
	LimitUpload, LimitDownload int64
	// OwnDisk says that the server keeps its data on a disk of this machine, in this
	// process: a full one is an error of ours, which wraps syscall.ENOSPC.
	OwnDisk bool
	// InsecureHTTP allows tokens over cleartext to hosts other than loopback.
	InsecureHTTP bool
	// UserAgent names the program. Default "engram-sync".
	UserAgent string
	// Known is what is known of the server; KindUnknown, and what is no kind, lets the
	// transport find out. Forced says that the user wants the kind so: a server that
	// turns out to be of the other one is an ErrOtherKind then.
	Known  Facts
	Forced bool
	// OnFacts hears what the server turned out to be, the zero value if what was
	// known is wrong. It is called from several goroutines, one at a time.
	OnFacts func(Facts)
	// Lists keeps the manifest of an account server that has a tag for it; nil: it is sent each time.
	Lists protocol.Lists
	// Project is the project that requests to a project server are about,
	// normalised; account servers have none. Where it is "", NoProject may say why.
	Project   string
	NoProject error
	// Notify hears of every wait that is longer than 2 s. It may be called from
	// several goroutines at once.
	Notify func(Wait)
	// Logger gets one record for each request, without headers or bodies.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Concurrency = cmp.Or(o.Concurrency, 8)
	o.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	o.Retries = cmp.Or(o.Retries, 100)
	o.RetryTime = cmp.Or(o.RetryTime, 2*time.Minute)
	o.SettleFor = cmp.Or(o.SettleFor, 30*time.Second)
	o.MaxChunkBytes = cmp.Or(o.MaxChunkBytes, engram.DefaultMaxChunkBytes)
	o.UserAgent = cmp.Or(o.UserAgent, "engram-sync")
	if o.OnFacts == nil {
		o.OnFacts = func(Facts) {}
	}
	if o.Notify == nil {
		o.Notify = func(Wait) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

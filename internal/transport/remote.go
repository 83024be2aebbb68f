// Package transport moves manifests and chunks between this program and an
// Engram Cloud server over HTTP. Everything that is particular to the wire stays
// in here: envelopes, status codes, retries, and how an uncertain request is settled.
package transport

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// TokenSource gives the bearer token for the server. An empty token means that
// none is sent. It must be safe for concurrent use.
type TokenSource interface {
	Token(ctx context.Context) (string, error)
}

// Options are how a RemoteTransport behaves. Zero values get the defaults named here.
type Options struct {
	// Base is what requests finally go through; nil means a transport of its
	// own, which honours the proxy variables.
	Base http.RoundTripper
	// TLS is for authorities and client certificates of one's own; nil means
	// Go's defaults. It counts only where Base is nil.
	TLS *tls.Config
	// Concurrency is how many requests the caller runs at once, so that as many
	// connections are kept. Default 8.
	Concurrency int
	// Timeout is how long a request may stand still, without a byte in either
	// direction. Default 30 s.
	Timeout time.Duration
	// Retries is how often a request is repeated; negative means never. Default 4.
	Retries int
	// RetryBudget bounds the time from the first attempt to the start of the
	// last. Default 5 min.
	RetryBudget time.Duration
	// SettleFor is how long an uncertain push is looked for. Default 30 s.
	SettleFor time.Duration
	// MaxChunkBytes bounds the uncompressed size of a chunk. Default 512 MiB.
	MaxChunkBytes int64
	// InsecureHTTP allows tokens over cleartext to hosts other than loopback.
	InsecureHTTP bool
	// UserAgent names the program. Default "engram-sync".
	UserAgent string
	// Kind is what kind of server it is, if that is known; KindUnknown lets the
	// transport find out. Forced says that the user wants it so: a server that
	// turns out to be of the other kind is an ErrOtherKind then.
	Kind   Kind
	Forced bool
	// OnKind hears what kind the server turned out to be, KindUnknown if what
	// was known is wrong. It may be called from several goroutines at once.
	OnKind func(Kind)
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

// Wait is a pause before something is tried again.
type Wait struct {
	For   time.Duration
	Cause string // such as "429 rate limit exceeded"
}

func (o Options) withDefaults() Options {
	setDefault(&o.Concurrency, 8)
	setDefault(&o.Timeout, 30*time.Second)
	setDefault(&o.Retries, 4)
	setDefault(&o.RetryBudget, 5*time.Minute)
	setDefault(&o.SettleFor, 30*time.Second)
	setDefault(&o.MaxChunkBytes, engram.DefaultMaxChunkBytes)
	setDefault(&o.UserAgent, "engram-sync")
	if o.OnKind == nil {
		o.OnKind = func(Kind) {}
	}
	if o.Notify == nil {
		o.Notify = func(Wait) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Base == nil {
		o.Base = newBase(o)
	}
	return o
}

func setDefault[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}

// newBase is Go's own transport, set up so that as many connections stay open
// as there are workers. Compression is off: it would hide what was really sent.
func newBase(o Options) *http.Transport {
	dialer := &net.Dialer{Timeout: min(o.Timeout, 15*time.Second), KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSClientConfig:       o.TLS,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true,
		MaxIdleConns:          o.Concurrency + 2,
		MaxIdleConnsPerHost:   o.Concurrency + 2,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   min(o.Timeout, 15*time.Second),
		ExpectContinueTimeout: time.Second,
		WriteBufferSize:       64 << 10,
		ReadBufferSize:        64 << 10,
	}
}

// RemoteTransport talks to one server: as one account to an account server
// (account-server.md), about one project to a project server (project-server.md).
// It is safe for concurrent use.
type RemoteTransport struct {
	base   *url.URL
	client *http.Client
	bearer *bearerTransport
	opts   Options
	// pulling is full while a page of the journal is pulled: see PullMutations.
	pulling chan struct{}
	whole   *semaphore.Weighted // bytes of chunks that are in memory as a whole

	kindMu   sync.Mutex
	kind     Kind
	kindSeen bool  // in this process, as against read from a cache
	limit    int64 // of a push to a project server; 0 until it told
	gzip     gzipUse
}

// NewRemoteTransport makes a transport for the server at baseURL, which wraps
// ErrBadURL in its error if it is not one. token may be nil for a server that needs none.
func NewRemoteTransport(baseURL string, token TokenSource, opts Options) (*RemoteTransport, error) {
	base, err := parseBaseURL(baseURL)
	if err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	traced := &traceTransport{next: opts.Base, log: opts.Logger}
	watched := &stallTransport{next: traced, timeout: opts.Timeout}
	bearer := &bearerTransport{next: watched, base: base, source: token, insecure: opts.InsecureHTTP, userAgent: opts.UserAgent}
	t := &RemoteTransport{
		base: base, bearer: bearer, opts: opts, kind: opts.Kind,
		pulling: make(chan struct{}, 1), whole: semaphore.NewWeighted(maxWholeBytes),
	}
	t.client = &http.Client{
		Transport: &retryTransport{
			next: bearer, retries: opts.Retries, budget: opts.RetryBudget, gate: &gate{notify: opts.Notify},
		},
		CheckRedirect: t.checkRedirect,
	}
	return t, nil
}

// URL is the normalised base URL, which credentials and saved state are keyed by.
func (t *RemoteTransport) URL() string { return t.base.String() }

// WriteManifest does nothing: a server keeps its manifest itself, from the
// chunks that it is given.
func (t *RemoteTransport) WriteManifest(context.Context, *engram.Manifest) error { return nil }

// maxRedirects is more than any server needs to clean a path up.
const maxRedirects = 5

// checkRedirect follows a GET within the origin only. Whatever else is asked
// for is handed back as the answer, for statusError to explain: a redirected
// POST turns into a GET or sends its body to a stranger.
func (t *RemoteTransport) checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	if first.Method != http.MethodGet || !sameOrigin(req.URL, first.URL) || len(via) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}

// newRequest asks for a path below the base URL. Its segments are ids or
// constants, so they need no escaping.
func (t *RemoteTransport) newRequest(ctx context.Context, method, path string) (*http.Request, error) {
	return http.NewRequestWithContext(ctx, method, t.base.String()+path, nil)
}

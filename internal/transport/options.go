package transport

import (
	"cmp"
	"crypto/tls"
	"log/slog"
	"net/http"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/transport/httplayer"
)

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
	// Kind is what kind of server it is, if that is known; KindUnknown, and what is
	// no kind, lets the transport find out. Forced says that the user wants it so: a server that
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

func (o Options) withDefaults() Options {
	o.Concurrency = cmp.Or(o.Concurrency, 8)
	o.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	o.Retries = cmp.Or(o.Retries, 4)
	o.RetryBudget = cmp.Or(o.RetryBudget, 5*time.Minute)
	o.SettleFor = cmp.Or(o.SettleFor, 30*time.Second)
	o.MaxChunkBytes = cmp.Or(o.MaxChunkBytes, engram.DefaultMaxChunkBytes)
	o.UserAgent = cmp.Or(o.UserAgent, "engram-sync")
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
		o.Base = httplayer.NewBase(o.TLS, o.Concurrency, o.Timeout)
	}
	return o
}

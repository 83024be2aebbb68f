package httplayer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/engram-sync/engram-sync/internal/transport/network"
)

// Call is one request of ours over all its attempts and redirects. Its maker says
// what the layers may do for it; Client puts it into the context of the request,
// which is the only way for it through http.Client, and there the layers read it.
// Two write to it: Retry the number of attempts, which the texts of errors tell,
// and what came of a body that it has read whole; Bearer what is known of the token.
type Call struct {
	Op    string // what it is, for errors, such as "push chunk 0cdb38de"
	Limit int64  // of the text that GetText gives
	Cut   bool   // a longer one is no error: it is cut after Limit+1 bytes
	// Tag is the ETag of what is known already: the server may say that it is still that.
	Tag string

	Anonymous      bool // no token goes along
	Confidential   bool // with or without a token, it goes nowhere that a token would not go
	Idempotent     bool // a POST or DELETE that does no harm twice
	NoWait         bool // somebody waits at a prompt: better an error than a pause
	Soon           bool // others wait for it, so it gets a share of the time for retries
	NoRetryOnStall bool // a server that does not answer is not asked again: it may hang

	base, path string // of the URL; the path without its query
	mode       bodyMode
	text       []byte
	take       func(http.Header, io.Reader) error // of GetStream
	took       error                              // what it said of the last attempt
	attempts   int
	goodBefore bool // the server took the token of the last attempt a moment ago
}

type callKey struct{}

func withCall(ctx context.Context, c *Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// callFrom finds the call of a request; a layer that stands alone gets an empty one.
func callFrom(ctx context.Context) *Call {
	if c, ok := ctx.Value(callKey{}).(*Call); ok {
		return c
	}
	return &Call{}
}

// NoAnswer makes the error for a call that got no answer, or not the whole of one.
func (c *Call) NoAnswer(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", c.Op, context.Cause(ctx))
	}
	err = plain(err)
	if local, ok := errors.AsType[*localError](err); ok {
		return fmt.Errorf("%s: %w", c.Op, local.error)
	}
	if status, ok := errors.AsType[*StatusError](err); ok { // to the request that was to resume this one
		return status
	}
	if later, ok := errors.AsType[*RetryLaterError](err); ok {
		return &RetryLaterError{Op: c.Op, Status: later.Status, At: later.At, Wait: later.Wait}
	}
	class := ErrUnavailable
	switch proxy, ok := errors.AsType[*network.ProxyError](err); {
	case ok && proxy.Refuses():
		class = network.ErrProxy
	case network.SpeaksPlain(err):
		class, err = ErrWantsPlain, errors.New("plain HTTP is spoken at this port, and no TLS: the URL is http"+strings.TrimPrefix(c.base, "https"))
	case network.IsTrust(err):
		class = trustClass(err)
	case network.SpeaksTLS(err):
		class, err = ErrWantsTLS, errors.New(c.wantsTLS())
	case network.IsNotHTTP(err):
		class = ErrNotEngram
	}
	return &NetworkError{Op: c.Op, Attempts: c.attempts, Err: err, Class: class}
}

// plain takes off what net/http wraps around an error: the URL is known, and
// its text is long.
func plain(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

func trustClass(err error) error {
	switch {
	case network.UnknownAuthority(err):
		return ErrAuthority
	case network.WantsClientCert(err):
		return ErrClientCert
	}
	return ErrTLS
}

// wantsTLS names the URL that a server wants which speaks TLS at the port.
func (c *Call) wantsTLS() string {
	return "TLS is spoken at this port: the URL is https" + strings.TrimPrefix(c.base, "http")
}

// is says whether an error of the type is in the chain.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

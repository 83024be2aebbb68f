package httplayer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Call is one request of ours over all its attempts and redirects. Its maker says
// what the layers may do for it; Client puts it into the context of the request,
// which is the only way for it through http.Client, and there the layers read it.
// Two write to it: Retry the number of attempts, which the texts of errors tell,
// and the text of a body that it has read whole; Bearer what is known of the token.
type Call struct {
	Op    string // what it is, for errors, such as "push chunk 0cdb38de"
	Limit int64  // of the text that GetText gives
	Cut   bool   // a longer one is no error: it is cut after Limit+1 bytes

	Anonymous      bool // no token goes along
	Confidential   bool // with or without a token, it goes nowhere that a token would not go
	Idempotent     bool // a POST or DELETE that does no harm twice
	NoWait         bool // somebody waits at a prompt: better an error than a pause
	Soon           bool // others wait for it, so it gets a share of the time for retries
	NoRetryOnStall bool // a server that does not answer is not asked again: it may hang

	base, path string // of the URL; the path without its query
	mode       bodyMode
	text       []byte
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
	switch proxy, ok := errors.AsType[*ProxyError](err); {
	case ok && proxy.refuses():
		class = ErrProxy
	case speaksPlain(err):
		class, err = ErrWantsPlain, errors.New("plain HTTP is spoken at this port, and no TLS: the URL is http"+strings.TrimPrefix(c.base, "https"))
	case isTrust(err):
		class = trustClass(err)
	case speaksTLS(err):
		class, err = ErrWantsTLS, errors.New(c.wantsTLS())
	case isNotHTTP(err):
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

// isDial says whether no connection came about, so that nothing was sent. A
// name that doesn't exist won't exist a second later.
func isDial(err error) bool {
	if proxy, ok := errors.AsType[*ProxyError](err); ok && proxy.Status > 0 {
		return !proxy.refuses() // it could not reach the server
	}
	for op, ok := errors.AsType[*net.OpError](err); ok; op, ok = errors.AsType[*net.OpError](op.Err) {
		if op.Op == "dial" || op.Op == "socks connect" {
			return !isUnknownHost(err)
		}
	}
	return false
}

// isUnsent says whether the server certainly has nothing of a request: there was no
// connection, a proxy answered in its place, or a kept connection had been closed by the server before anything
// was written. For the last net/http has no type, and it sends only GETs again by itself.
func isUnsent(err error) bool {
	proxy, ok := errors.AsType[*ProxyError](err)
	return isDial(err) || ok && proxy.Status > 0 || strings.HasSuffix(err.Error(), "server closed idle connection")
}

func isUnknownHost(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

// isNotHTTP says whether something else than HTTP was spoken. net/http has no type for it, and
// says the same of a connection that was lost within the status line.
func isNotHTTP(err error) bool {
	_, said, malformed := strings.Cut(err.Error(), "malformed HTTP ")
	return malformed && !cutStatus.MatchString(said) || errors.Is(err, errSpeaksTLS)
}

// cutStatus is the beginning of a status line, as net/http quotes it.
var cutStatus = regexp.MustCompile(`^(response "H(T(T(P(/(1(\.([01] ?)?)?)?)?)?)?)?"|status code "[1-5]?\d?"$)`)

// isTrust says whether TLS failed in a way that a retry won't mend.
func isTrust(err error) bool {
	return isAlert(err) || is[*tls.CertificateVerificationError](err) || is[x509.UnknownAuthorityError](err) || is[x509.HostnameError](err) ||
		is[x509.CertificateInvalidError](err) || is[tls.RecordHeaderError](err) ||
		strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}

// isAlert says whether the other side ended the handshake. crypto/tls has no type for that.
func isAlert(err error) bool {
	peer, ok := errors.AsType[*net.OpError](err)
	return ok && peer.Op == "remote error"
}

// certificateAlerts are those about the certificate of the side that hears them.
var certificateAlerts = regexp.MustCompile(`tls: (?:.*certificate|certificate required|unknown certificate authority)$`)

func trustClass(err error) error {
	switch {
	case is[x509.UnknownAuthorityError](err):
		return ErrAuthority
	case isAlert(err) && certificateAlerts.MatchString(err.Error()), is[*unshownError](err):
		return ErrClientCert
	}
	return ErrTLS
}

// speaksPlain says whether TLS was answered in plain HTTP, by the server and not by a proxy.
func speaksPlain(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "proxyconnect" {
		return false
	}
	record, _ := errors.AsType[tls.RecordHeaderError](err)
	head := string(record.RecordHeader[:])
	return errors.Is(err, http.ErrSchemeMismatch) || head == "HTTP/" || head == "<!DOC" || strings.EqualFold(head, "<html")
}

// speaksTLS says whether plain HTTP was answered in TLS, by an alert for instance.
func speaksTLS(err error) bool {
	return errors.Is(err, errSpeaksTLS) || isNotHTTP(err) && strings.Contains(err.Error(), `"\x15\x03`)
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

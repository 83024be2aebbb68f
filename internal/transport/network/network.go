// Package network is the way to one server: connections, proxies and TLS, and what it means when
// there was no way. It knows nothing of what is sent.
package network

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/engram-sync/engram-sync/internal/transport/baseurl"
)

// Options are what Go's own transport needs to know of a server and of the way there.
type Options struct {
	URL     *url.URL
	TLS     *tls.Config              // nil means Go's defaults
	Workers int                      // as many connections stay open
	Timeout time.Duration            // for what does not come about
	Getenv  func(name string) string // of the proxy variables; nil if there are none
}

// idle is how long a kept connection is used again: less than any server keeps one by
// default (nginx 75 s, Apache and Node 5 s), since a push on one that is just being closed has
// an outcome that nobody knows.
const idle = 4 * time.Second

// maxHeader is far more than any server or proxy puts before an answer.
const maxHeader = 1 << 20

// New sets Go's transport up. It speaks HTTP/1.1: uploads over HTTP/2 wait for the
// windows that servers and proxies open (64 KiB, or 1 MiB), which makes them slower
// by the round trip, and all of them share one connection. Compression is off: it would hide what
// was really sent. The error wraps ErrProxy.
func New(b Options) (*Link, error) {
	way, err := findProxy(b.URL, b.Getenv)
	if err != nil {
		return nil, err
	}
	atMost := min(b.Timeout, 15*time.Second)
	dialer := &net.Dialer{Timeout: atMost, KeepAlive: 30 * time.Second}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	n := &Link{proxy: way, plain: b.URL.Scheme == "http"}
	t := &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        n.watch(b.TLS),
		Protocols:              protocols,
		DisableCompression:     true,
		MaxIdleConns:           b.Workers + 2,
		MaxIdleConnsPerHost:    b.Workers + 2,
		IdleConnTimeout:        idle,
		TLSHandshakeTimeout:    atMost,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHeader,
		WriteBufferSize:        64 << 10,
		ReadBufferSize:         64 << 10,
	}
	if way.url != nil {
		t.Proxy, t.OnProxyConnectResponse = way.choose, way.connected
	}
	n.Transport = t
	return n, nil
}

// Link is the way to one server.
type Link struct {
	*http.Transport
	proxy proxy
	plain bool // the URL says http
	heard atomic.Bool
	// unshown: a server wanted a certificate of ours, and there was none that it takes.
	unshown atomic.Bool
}

// Proxy is the proxy that is gone through, and the variable that names it; nil if there is none.
func (n *Link) Proxy() (through *url.URL, variable string) { return n.proxy.url, n.proxy.variable }

// watch is a configuration by which the network notes what a server asks for. Certificates are
// chosen as they are without it.
func (n *Link) watch(conf *tls.Config) *tls.Config {
	if conf == nil {
		conf = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	conf = conf.Clone()
	conf.GetClientCertificate = func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		for i := range conf.Certificates {
			if asked.SupportsCertificate(&conf.Certificates[i]) == nil {
				return &conf.Certificates[i], nil
			}
		}
		n.unshown.Store(true)
		return &tls.Certificate{}, nil
	}
	return conf
}

// unshownError is the end of a handshake in which a certificate was wanted that we have not:
// before TLS 1.3 the alert need not say so.
type unshownError struct{ error }

func (e *unshownError) Unwrap() error { return e.error }

func (n *Link) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := n.Transport.RoundTrip(req)
	if err != nil && n.unshown.Load() && isAlert(err) {
		err = &unshownError{err}
	}
	switch {
	case n.proxy.url != nil:
		return n.proxy.blame(resp, err)
	case err == nil:
		n.heard.Store(true)
	case n.plain && errors.Is(err, io.EOF) && !n.heard.Load() && n.shakesHands(req):
		err = errSpeaksTLS
	}
	return resp, err
}

var errSpeaksTLS = errors.New("it speaks TLS")

// shakesHands says whether TLS is spoken at the port. It is asked where a server hangs up
// on the first request without a word, as HAProxy does on plain HTTP there. Nothing of ours goes along.
func (n *Link) shakesHands(req *http.Request) bool {
	ctx, cancel := context.WithTimeout(req.Context(), n.TLSHandshakeTimeout)
	defer cancel()
	conn, err := n.DialContext(ctx, "tcp", baseurl.WithPort(req.URL))
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()                                                 // nothing was sent
	err = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(ctx) //nolint:gosec // only whether, not who
	return err == nil || isAlert(err)
}

package httplayer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/engram-sync/engram-sync/internal/transport/baseurl"
	"github.com/engram-sync/engram-sync/internal/transport/network"
)

// Step is a part of the way to a server.
type Step int

// The steps, in their order. StepDone: something answered.
const (
	StepProxy Step = iota
	StepDNS
	StepConnect
	StepTLS
	StepAnswer
	StepDone
)

// Way is what one request without a token saw on its way to a server.
type Way struct {
	Proxy     *url.URL // the proxy that it goes through, without a user; nil for none
	ProxyFrom string   // the variable that names it
	Addresses []string // of the server's host or, where there is one, of the proxy's
	Connected string   // host and port that took the connection; "" if none did
	Secure    bool     // the URL says https
	TLS       string   // the version of TLS; "" if no connection came about
	// Chain is what the server showed, its own certificate first; also one that is not trusted.
	Chain []*x509.Certificate
	// Ahead is how far this machine's clock is before the server's, negative if behind;
	// only if Dated: the server told its time.
	Ahead time.Duration
	Dated bool

	// Ended is the step that failed, with its error, of the same classes as those of
	// any request; StepDone and nil where there was an answer, whatever it says.
	Ended Step
	Err   error
}

// Inspect asks a server for its health, which changes nothing and needs no token, and
// notes how the request got there. authorities may be nil; getenv reads the proxy variables; timeout bounds each step. The error
// is about the URL alone, and wraps baseurl.ErrBad.
func Inspect(ctx context.Context, baseURL string, authorities *tls.Config, timeout time.Duration, getenv func(string) string) (*Way, error) {
	base, err := baseurl.Parse(baseURL)
	if err != nil {
		return nil, err
	}
	way := &Way{Secure: base.Scheme == "https"}
	call := &Call{Op: "look for the server", base: base.String()}
	link, err := network.New(network.Options{URL: base, TLS: authorities, Workers: 1, Timeout: timeout, Getenv: getenv})
	if err != nil {
		way.Ended, way.Err = StepProxy, fmt.Errorf("%s: %w", call.Op, err)
		return way, nil
	}
	defer link.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base.String()+"/health", nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", baseurl.ErrBad, err)
	}
	host := base.Hostname()
	if proxy, variable := link.Proxy(); proxy != nil {
		bare := *proxy
		bare.User = nil
		way.Proxy, way.ProxyFrom, host = &bare, variable, proxy.Hostname()
	}
	if _, err := netip.ParseAddr(host); err == nil {
		way.Addresses = []string{host}
	}
	seen := &sighting{way: way}
	sent := time.Now()
	resp, err := (&Stall{Next: link, Timeout: timeout}).RoundTrip(req.WithContext(httptrace.WithClientTrace(ctx, seen.trace())))
	seen.end()
	if err != nil {
		way.fail(call.NoAnswer(ctx, err), seen.greeted)
		return way, nil
	}
	_ = resp.Body.Close() // what it says is judged elsewhere
	way.Ended = StepDone
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		now := time.Now()
		middle := sent.Add(now.Sub(sent) / 2)
		way.Dated, way.Ahead = true, middle.Sub(date.Add(time.Second/2)) // the header has whole seconds
	}
	return way, nil
}

// fail says where the way ended.
func (w *Way) fail(err error, greeted bool) {
	w.Err = err
	if refused, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		w.Chain = refused.UnverifiedCertificates
	}
	switch {
	case len(w.Addresses) == 0:
		w.Ended = StepDNS
	case w.Connected == "":
		w.Ended = StepConnect
	case w.Proxy != nil && w.Secure && !greeted: // it would not let us through
		w.Ended = StepProxy
	case w.Secure && w.TLS == "":
		w.Ended = StepTLS
	default:
		w.Ended = StepAnswer
	}
}

// sighting notes what net/http tells while a request is under way, and after that
// nothing: attempts at other addresses go on for a while.
type sighting struct {
	mu      sync.Mutex
	way     *Way
	over    bool
	greeted bool // TLS has begun
}

func (s *sighting) note(f func(*Way)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		f(s.way)
	}
}

func (s *sighting) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
}

func (s *sighting) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSDone: func(info httptrace.DNSDoneInfo) {
			s.note(func(w *Way) {
				for _, addr := range info.Addrs {
					w.Addresses = append(w.Addresses, addr.String())
				}
			})
		},
		ConnectDone: func(_, addr string, err error) {
			s.note(func(w *Way) {
				if err == nil && w.Connected == "" {
					w.Connected = addr
				}
			})
		},
		TLSHandshakeStart: func() { s.note(func(*Way) { s.greeted = true }) },
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			s.note(func(w *Way) {
				if err == nil {
					w.TLS, w.Chain = tls.VersionName(state.Version), state.PeerCertificates
				}
			})
		},
	}
}

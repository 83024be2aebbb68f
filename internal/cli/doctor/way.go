package doctor

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// wayChecks are about the way to a server, a check for each step.
var wayChecks = []string{"proxy", "dns", "connection", "tls", "clock"}

// tellWay says of each step how it went.
func (e *exam) tellWay(f *findings, way *transport.Way, embedded bool) {
	if embedded {
		return
	}
	e.mu.Lock()
	e.hosts = append(e.hosts, way.Addresses...)
	if way.Proxy != nil {
		e.hosts = append(e.hosts, way.Proxy.Hostname())
	}
	e.mu.Unlock()
	told := map[transport.Step]string{
		transport.StepProxy: "proxy", transport.StepDNS: "dns", transport.StepConnect: "connection", transport.StepTLS: "tls", transport.StepAnswer: "connection",
	}
	past := func(step transport.Step) bool { return way.Ended > step }
	if past(transport.StepProxy) {
		if way.Proxy != nil {
			f.ok("proxy", "%s, from %s", way.Proxy, way.ProxyFrom)
		} else {
			f.ok("proxy", "none: no proxy variable of the environment is for this host")
		}
	}
	if past(transport.StepDNS) {
		f.ok("dns", "%s", strings.Join(way.Addresses, ", "))
	}
	if past(transport.StepConnect) && way.Ended != transport.StepAnswer {
		f.ok("connection", "%s takes connections", way.Connected)
	}
	if past(transport.StepTLS) {
		tellTLS(f, way, time.Now())
	}
	if way.Ended == transport.StepDone {
		tellClock(f, way)
	} else {
		f.fail(told[way.Ended], wayHint(way), wayError(way))
	}
	for _, check := range wayChecks {
		f.skipMissing("the step before it failed", check)
	}
}

// wayError is why the way ended, with what the server showed where that was not trusted.
func wayError(way *transport.Way) error {
	if way.Ended != transport.StepTLS || len(way.Chain) == 0 {
		return way.Err
	}
	return fmt.Errorf("%w (%s)", way.Err, shown(way.Chain[0]))
}

// shown is a certificate in words.
func shown(c *x509.Certificate) string {
	return fmt.Sprintf("certificate of %s, issued by %s, good until %s", c.Subject, c.Issuer, c.NotAfter.UTC().Format(time.DateOnly))
}

// wayHint is what mends a step, where nothing but that step is known to be the cause; "" where
// the table of errors says it.
func wayHint(way *transport.Way) string {
	var ended x509.CertificateInvalidError
	switch {
	case errors.As(way.Err, &ended) && ended.Reason == x509.Expired:
		return "have whoever runs the server renew its certificate; check the clock of this machine as well"
	case errors.As(way.Err, new(x509.HostnameError)):
		return "correct the host in the remote's URL, or have the certificate made for it"
	case problem.Code(way.Err) != problem.Unavailable || problem.As[*transport.ProxyError](way.Err):
		return ""
	}
	switch way.Ended {
	case transport.StepDNS:
		return "check the host's name in the remote's URL (`engram-sync config list`), the network, and a VPN that has to be up"
	case transport.StepConnect:
		return "check the port in the remote's URL (`engram-sync config list`), that the server runs, and firewalls on the way"
	case transport.StepProxy:
		return "ask whoever runs the proxy"
	}
	return "check that the port in the remote's URL is that of the server, and that it is well"
}

// renewIn is how long before its end a certificate is worth a word.
const renewIn = 14 * 24 * time.Hour

func tellTLS(f *findings, way *transport.Way, now time.Time) {
	if !way.Secure {
		f.ok("tls", "none: the URL says http")
		return
	}
	if len(way.Chain) == 0 {
		f.ok("tls", "%s", way.TLS)
		return
	}
	first := way.Chain[0]
	for _, c := range way.Chain {
		if c.NotAfter.Before(first.NotAfter) {
			first = c
		}
	}
	if left := first.NotAfter.Sub(now); left < renewIn {
		f.warn("tls", "have whoever runs the server renew it", "%s; the %s: %s", way.TLS, shown(first), humanize.RelTime(first.NotAfter, now, "ago", "from now"))
		return
	}
	f.ok("tls", "%s, %s", way.TLS, shown(way.Chain[0]))
}

// maxSkew is how far clocks may be apart: tokens are good for an hour.
const maxSkew = time.Minute

func tellClock(f *findings, way *transport.Way) {
	ahead := way.Ahead.Round(time.Second)
	switch {
	case !way.Dated:
		f.skip("the server does not tell its time", "clock")
	case ahead.Abs() <= maxSkew:
		f.ok("clock", "as the server's, to the minute")
	case ahead > 0:
		f.warn("clock", "set the clock of this machine, or have the server's set", "this machine is %s ahead of the server", ahead)
	default:
		f.warn("clock", "set the clock of this machine, or have the server's set", "this machine is %s behind the server", -ahead)
	}
}

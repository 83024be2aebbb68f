package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/config"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/transport"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// wayChecks are about the way to a server, a check for each step.
var wayChecks = []string{"proxy", "dns", "connection", "tls", "clock"}

// serverChecks are in the order in which they need each other.
var serverChecks = append(append([]string{"remote"}, wayChecks...), "server", "token", "access", "keyring")

// server looks at the remote: the way there, and what is at its end.
func (e *exam) server(ctx context.Context, f *findings) {
	ws := e.ws
	remote := ws.Config.Remote
	_, base := remote.Embedded()
	switch err := ws.Config.RemoteErr; {
	case e.wrong != nil:
		f.skip("the configuration cannot be used", serverChecks...)
		return
	case errors.Is(err, config.ErrNoRemote):
		f.warn("remote", "run `engram-sync config set remotes.NAME.url URL` and `engram-sync config set remote NAME`, or pass --remote", "no remote is chosen")
		f.skip("no remote is chosen", serverChecks[1:]...)
		return
	case err != nil:
		f.fail("remote", "", err)
		f.skip("the remote cannot be used", serverChecks[1:]...)
		return
	case base:
		f.skip("the server is in this process", append(wayChecks, "keyring")...)
	}
	e.connect(ctx, f, base)
}

// connect looks at the way while the token is searched for, and then asks the server.
func (e *exam) connect(ctx context.Context, f *findings, embedded bool) {
	ws := e.ws
	way := make(chan *transport.Way, 1)
	if embedded {
		way <- &transport.Way{Ended: transport.StepDone}
	} else {
		label, err := ws.BaseURL()
		if err != nil {
			f.fail("remote", "", err)
			f.skip("the remote cannot be used", serverChecks[1:]...)
			return
		}
		f.ok("remote", "%s, from %s", label, ws.Config.Sources["remote"])
		go func() {
			seen, err := ws.Inspect(ctx, ws.Config.Timeout)
			if err != nil { // of the files of the configuration
				seen = &transport.Way{Secure: true, Ended: transport.StepTLS, Err: err}
			}
			way <- seen
		}()
	}
	found := false
	err := ws.With(ctx, func(conn *workspace.Connection) error {
		found = true
		f.tokenFrom = conn.Source.From()
		if embedded {
			f.ok("remote", "%s, from %s", conn.Label, ws.Config.Sources["remote"])
		} else {
			e.keyring(ctx, f, conn.Source.From())
		}
		seen := <-way
		e.tellWay(f, seen, embedded)
		if seen.Ended != transport.StepDone {
			f.skip("the server was not reached", "server", "token", "access")
			return nil
		}
		e.ask(ctx, f, conn)
		return nil
	})
	switch {
	case found:
		if err != nil {
			f.fail("server", "", err)
		}
	case embedded:
		f.fail("remote", "", err)
		f.skip("the server was not opened", "server", "token", "access")
	default: // the token was not found, or the TLS files not
		if seen := <-way; seen.Err == nil || seen.Err.Error() != err.Error() {
			f.fail("token", "", err)
			e.tellWay(f, seen, false)
			if problem.Is(err, auth.ErrLocked, auth.ErrNoKeyring) {
				f.fail("keyring", "", err)
			}
		} else {
			e.tellWay(f, seen, false)
		}
		f.skipMissing("nobody was asked", "server", "token", "access", "keyring")
	}
}

// tellWay says of each step how it went.
func (e *exam) tellWay(f *findings, way *transport.Way, embedded bool) {
	if embedded {
		return
	}
	e.mu.Lock()
	e.hosts = append(e.hosts, way.Addresses...)
	e.mu.Unlock()
	told := map[transport.Step]string{
		transport.StepProxy: "proxy", transport.StepDNS: "dns", transport.StepConnect: "connection", transport.StepTLS: "tls", transport.StepAnswer: "connection",
	}
	past := func(step transport.Step) bool { return way.Ended > step }
	if past(transport.StepProxy) {
		if way.Proxy != nil {
			f.ok("proxy", "%s, by the proxy variables of the environment", way.Proxy)
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

// wayHint is what mends a step; "" where the table of errors says it.
func wayHint(way *transport.Way) string {
	switch way.Ended {
	case transport.StepProxy:
		return "check the proxy variables of the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY), or ask whoever runs the proxy"
	case transport.StepDNS:
		return "check the host's name in the remote's URL (`engram-sync config list`), the network, and a VPN that has to be up"
	case transport.StepConnect:
		return "check the port in the remote's URL (`engram-sync config list`), that the server runs, and firewalls on the way"
	case transport.StepTLS:
		return tlsHint(way)
	case transport.StepAnswer:
		return "check that the port in the remote's URL is that of the server, and that it is well"
	}
	return ""
}

func tlsHint(way *transport.Way) string {
	var ended x509.CertificateInvalidError
	switch {
	case errors.As(way.Err, &ended) && ended.Reason == x509.Expired:
		return "have whoever runs the server renew its certificate; check the clock of this machine as well"
	case errors.As(way.Err, new(x509.UnknownAuthorityError)):
		return "if the authority is your own, name its certificate with --ca-cert, or `engram-sync config set ca_cert FILE`"
	case errors.As(way.Err, new(x509.HostnameError)):
		return "correct the host in the remote's URL, or have the certificate made for it"
	case way.TLS == "" && len(way.Chain) == 0 && !problem.Is(way.Err, transport.ErrTLS):
		return ""
	}
	return "check that the URL's scheme and port are right, and that this machine trusts the server's certificate (--ca-cert)"
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

// ask lets the server say what it is, and whether it takes the token.
func (e *exam) ask(ctx context.Context, f *findings, conn *workspace.Connection) {
	err := conn.CheckToken(ctx)
	if conn.KindKnown() {
		e.tellServer(ctx, f, conn, err == nil)
	}
	switch token, tokenErr := conn.AccessToken(ctx); {
	case problem.Is(err, transport.ErrUnauthorized):
		f.skipMissing("it wants a token before it tells what it is", "server")
		f.fail("token", "", err)
	case err != nil:
		f.fail("server", "", err)
	case tokenErr != nil:
		f.fail("token", "", tokenErr)
	case token == "":
		f.ok("token", "none, and none is needed")
	default:
		end := ""
		if at := transport.TokenEnd(token); !at.IsZero() {
			end = fmt.Sprintf("; it ends %s", at.Local().Format(time.DateTime))
			if login := conn.Source.Login(); login != nil && login.Tokens().Refresh != "" {
				end += ", and is refreshed by itself"
			}
		}
		f.ok("token", "from %s: accepted%s", conn.Source.From(), end)
	}
	if err != nil {
		f.skipMissing("the server did not let us in", "server", "token", "access")
		return
	}
	// The list of chunks is what every transfer begins with, and on project servers the
	// first that is about the project.
	switch m, err := conn.ReadManifest(ctx); {
	case err != nil:
		f.fail("access", "", err)
	case conn.PerProject():
		f.ok("access", "%s of project %s", terminal.Count(len(m.Entries()), "chunk"), terminal.Visible(conn.Project.Name))
	default:
		f.ok("access", "%s", terminal.Count(len(m.Entries()), "chunk"))
	}
}

func (e *exam) tellServer(ctx context.Context, f *findings, conn *workspace.Connection, letIn bool) {
	generation := ""
	if letIn && conn.PerProject() {
		if g, err := conn.Generation(ctx); err == nil {
			generation = ", of engram " + g.String()
			if conn.Facts().OrLater {
				generation += " or later"
			}
		}
	}
	e.learn(func(all *surroundings.Generations) { all.Ask(conn) })
	f.ok("server", "%s server%s", conn.Kind(), generation)
}

// keyring says whether the keyring answers, where that matters.
func (e *exam) keyring(ctx context.Context, f *findings, from string) {
	store := e.ws.Config.CredentialStore
	switch {
	case from == "the "+auth.StoreKeyring:
		f.ok("keyring", "it gave the token")
	case from != "":
		f.ok("keyring", "not needed: the token comes from %s", from)
	case store == auth.StoreFile:
		f.ok("keyring", "not needed: credential_store is %s", store)
	default:
		if err := e.ws.Logins().Check(ctx, store); err != nil {
			f.warn("keyring", problem.NextStep(err, ""), "a login would find no place: %v", err)
			return
		}
		f.ok("keyring", "it answers, and nobody is logged in")
	}
}

// skipMissing skips those of the checks that have said nothing yet.
func (f *findings) skipMissing(why string, checks ...string) {
	have := map[string]bool{}
	for _, n := range f.have() {
		have[n.Check] = true
	}
	for _, check := range checks {
		if !have[check] {
			f.skip(why, check)
		}
	}
}

package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/config"
	"github.com/engram-sync/engram-sync/internal/panics"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/transport"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

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
			defer panics.Guard()
			seen, err := ws.Inspect(ctx, ws.Config.Timeout)
			if err != nil { // of the files of the configuration
				seen = &transport.Way{Secure: true, Ended: transport.StepTLS, Err: err}
			}
			way <- seen
		}()
	}
	found := false
	opening, cancel := context.WithTimeoutCause(ctx, tokenWait, errNoToken)
	defer cancel()
	err := ws.With(opening, func(conn *workspace.Connection) error {
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
	default: // the token was not found, or the way has no beginning
		seen := <-way
		e.tellWay(f, seen, false)
		if seen.Err == nil || !strings.HasSuffix(seen.Err.Error(), err.Error()) {
			f.fail("token", "", err)
			if problem.Is(err, auth.ErrLocked, auth.ErrNoKeyring) {
				f.fail("keyring", "", err)
			}
		}
		f.skipMissing("nobody was asked", "server", "token", "access", "keyring")
	}
}

var errNoToken = fmt.Errorf("no answer within %s", tokenWait)

// ask lets the server say what it is, and whether it takes the token.
func (e *exam) ask(ctx context.Context, f *findings, conn *workspace.Connection) {
	err := conn.CheckToken(ctx)
	if conn.KindKnown() && (err == nil || problem.Is(err, transport.ErrUnauthorized)) {
		e.tellServer(ctx, f, conn, err == nil)
	}
	switch token, tokenErr := conn.AccessToken(ctx); {
	case problem.Is(err, transport.ErrUnauthorized) && token == "" && tokenErr == nil:
		f.skipMissing("it wants a token before it tells what it is", "server")
		f.add(finding{Check: "token", Verdict: failed, Message: "there is none, and the server wants one", Hint: problem.NextStep(err, ""), Code: problem.Auth})
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
	if !conn.PerProject() {
		f.ok("access", "the account's chunks are listed")
		return
	}
	// What is asked about the project is the first that needs a grant for it.
	if m, err := conn.ReadManifest(ctx); err != nil {
		f.fail("access", "", err)
	} else {
		f.ok("access", "%s of project %s", terminal.Count(len(m.Entries()), "chunk"), terminal.Visible(conn.Project.Name))
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

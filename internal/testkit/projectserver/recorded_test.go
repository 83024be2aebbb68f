package projectserver_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
	"github.com/engram-sync/engram-sync/internal/testkit/recorded"
)

// TestRecorded asks the double what releases of engram were asked, in the same
// order. Where it answers otherwise, that is one of differences, and each of
// those is seen.
func TestRecorded(t *testing.T) {
	t.Parallel()
	for _, name := range []string{recorded.Project1161, recorded.Project120} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReplay(t, projectserver.Release(strings.TrimPrefix(name, "project-")))
			for _, e := range recorded.Load(t, name) {
				if r.skip(e) || r.manage(e) {
					continue
				}
				r.prepare(e)
				r.table.Check(e, e.Request.Send(t, r.addr, r.values), r.values)
			}
			r.table.Report()
		})
	}
}

// replay is one double that recorded requests are put to.
type replay struct {
	t      *testing.T
	server *projectserver.Server
	opts   projectserver.Options
	mia    *projectserver.Member
	addr   string
	values recorded.Values
	table  *recorded.Table
}

func newReplay(t *testing.T, release projectserver.Release) *replay {
	opts := projectserver.Options{
		Release: release, Token: "the-token", AdminToken: "the-administrator", Managed: true,
		Projects: []string{"alpha", "beta", "spare", "paused-one", "paused-two"},
	}
	s := projectserver.New(opts)
	listener := httptest.NewServer(s)
	t.Cleanup(listener.Close)
	r := &replay{
		t: t, server: s, opts: opts, addr: listener.Listener.Addr().String(), table: recorded.NewTable(t, differences),
		values: recorded.Values{"TOKEN_A": opts.Token, "TOKEN_ADMIN": opts.AdminToken, "TOKEN_OWNER": "owners", "TOKEN_MIA": "mias"},
	}
	// The order is the same, so the numbers have to be.
	r.table.Strict = []string{"seq", "latest_seq", "accepted_seqs"}
	s.Member("owners")
	r.mia = s.Member("mias")
	return r
}

// skip says whether an exchange cannot be had here, and counts why.
func (r *replay) skip(e recorded.Exchange) bool {
	why := ""
	switch {
	case e.Database != "" && e.Database != "up" && e.Database != "just started":
		why = "a state of PostgreSQL"
	case testing.Short() && (e.Request.Body.Size > 4<<20 || e.Response.Summary != nil):
		why = "large, in a short run"
		if e.Request.Path == "/sync/mutations/push" && e.Response.Status == http.StatusOK {
			e.Request.Body = e.Request.Body.Small() // for its number
			e.Request.Send(r.t, r.addr, r.values)
		}
	default:
		return false
	}
	r.table.Skip(e, why)
	return true
}

// manage does what an administrator asked for, which the double has no routes for.
func (r *replay) manage(e recorded.Exchange) bool {
	if !strings.HasPrefix(e.Request.Path, "/admin/") {
		return false
	}
	changes := map[string]func(){
		"admin-grant":          func() { r.mia.Grant("spare", true) },
		"admin-grant-unlisted": func() { r.mia.Grant("unlisted", true) },
		"admin-grant-revoke":   func() { r.mia.Grant("spare", false) },
		"admin-disable":        func() { r.mia.Disable(true) },
		"admin-enable":         func() { r.mia.Disable(false) },
		"admin-revoke":         func() { r.mia.Revoke() },
	}
	if change := changes[e.Name]; change != nil {
		change()
	}
	r.table.Skip(e, "a route for administrators")
	return true
}

// prepare does to the double what was done to the recorded server.
func (r *replay) prepare(e recorded.Exchange) {
	r.t.Helper()
	opts := r.opts
	star := []string{"*"}
	for _, before := range e.Before {
		switch before {
		case "project paused-one set to paused in the database":
			r.server.Pause("paused-one", true)
			continue
		case "database started again", "database up again":
			continue
		case "server killed and started again":
		case "server started again without token (insecure mode) and with every project allowed":
			opts.Token, opts.AdminToken, opts.Projects = "", "", star
		case "the same without ENGRAM_CLOUD_TOKEN_PEPPER":
			opts.Token, opts.AdminToken, opts.Projects, opts.Managed = "", "", star, false
		case "server with its static token, without ENGRAM_CLOUD_TOKEN_PEPPER":
			opts.Managed = false
		case "server with its static token and every project allowed":
			opts.Projects = star
		default:
			r.t.Fatalf("%s: what is %q?", e.Name, before)
		}
		if err := r.server.Restart(opts); err != nil {
			r.t.Fatal(err)
		}
	}
}

// typeNames is what differs where the decoder is quoted: it names Go types, and
// those of engram's server are not the double's.
const typeNames = "names of Go types in errors of the decoder"

var differences = []recorded.Row{
	recorded.Answers(typeNames, 400, "Observation.observations.revision_count of type int64", "push-revision-fraction"),
	recorded.Answers(typeNames, 400, "invalid push payload: mutations[0]: decode mutation: json: cannot unmarshal", "push-mutations-object"),
	recorded.Answers(typeNames, 400, "invalid request body: json: cannot unmarshal array into Go value of type", "mpush-array"),
	recorded.Answers(typeNames, 400, "invalid request body: json: cannot unmarshal number into Go struct field", "mpush-entry-number"),
	recorded.Answers(typeNames, 500, "insert mutations: cloudstore: materialize mutation batch session",
		"mpush-string-payload mpush-number-payload mpush-array-payload"),
}

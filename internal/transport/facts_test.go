package transport_test

import (
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
	"github.com/engram-sync/engram-sync/internal/transport"
)

const authorities = "POST /sync/session-authorities"

// later is a project server of a later release behind something: the version of its
// manifest, and what is answered to who asks for session authorities. Source: engram-2.md 4.1.
type later struct {
	version string
	status  int
	kind    string
	words   string
}

func (s *later) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/sync/session-authorities" {
		if body, _ := io.ReadAll(r.Body); len(body) > 0 || r.Header.Get("Authorization") != "" {
			s.status = http.StatusTeapot // this could have changed something
		}
		w.Header().Set("Content-Type", s.kind)
		w.WriteHeader(s.status)
		_, _ = io.WriteString(w, s.words)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"version":`+s.version+`,"chunks":[]}`)
}

// The manifest tells 1.x from what came later, and a question that changes nothing
// tells 3.x, asked once by who needs it.
func TestTheGenerationOfARelease(t *testing.T) {
	for release, want := range map[projectserver.Release]engram.Generation{
		projectserver.Release1161: engram.Gen1, projectserver.Release120: engram.Gen1, projectserver.Release2: engram.Gen2, projectserver.Release3: engram.Gen3,
	} {
		s, f := wiretest.ProjectServer(t, projectserver.Options{Release: release})
		remote := wiretest.DialProject(t, f.URL, transport.Options{})
		for range 2 {
			if err := remote.FindGeneration(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := remote.Facts(); got.Generation != want || got.OrLater {
			t.Errorf("%s: got %+v", release, got)
		}
		if n := s.Requests()[authorities]; n > 1 || n == 1 != (want > engram.Gen1) {
			t.Errorf("%s: %d questions", release, n)
		}
	}
}

// What stands before a server can answer anything: then it stays open.
func TestTheGenerationOfAProjectServer(t *testing.T) {
	const text, json = "text/plain; charset=utf-8", "application/json"
	for name, tc := range map[string]struct {
		server  later
		want    engram.Generation
		orLater bool
		asked   bool
	}{
		"3.x without authentication":                   {later{version: "2", status: 400, kind: json, words: wiretest.Failure("session_id is required")}, engram.Gen3, false, true},
		"3.x, in plain text":                           {later{version: "2", status: 400, kind: text, words: "invalid json: EOF\n"}, engram.Gen3, false, true},
		"a gateway that wants logins":                  {later{version: "2", status: 401, kind: "text/html", words: "<title>Sign in</title>"}, engram.Gen2, true, true},
		"a gateway that lets only known paths through": {later{version: "2", status: 404, kind: json, words: `{"message":"no route"}`}, engram.Gen2, true, true},
		"a gateway that says 400":                      {later{version: "2", status: 400, kind: "text/html", words: "<title>400</title>"}, engram.Gen2, true, true},
		"one that says yes to everything":              {later{version: "2", status: 200, kind: json, words: `{}`}, engram.Gen2, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := wiretest.Listen(t, &tc.server)
			var heard transport.Facts
			remote := wiretest.DialProject(t, f.URL, transport.Options{OnFacts: func(facts transport.Facts) { heard = facts }})
			if _, err := remote.ReadManifest(t.Context()); err != nil {
				t.Fatal(err)
			}
			first := remote.Facts()
			if generation := min(tc.want, engram.Gen2); first.Generation != generation || first.OrLater != (generation == engram.Gen2) {
				t.Errorf("by its manifest it is %v, or later: %t", first.Generation, first.OrLater)
			}
			for range 2 {
				if err := remote.FindGeneration(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if got := remote.Facts(); got.Generation != tc.want || got.OrLater != tc.orLater || got != heard {
				t.Errorf("got %+v, heard %+v", got, heard)
			}
			if n := len(slices.DeleteFunc(f.Whats(), func(what string) bool { return what != authorities })); n != 0 != tc.asked || n > 1 {
				t.Errorf("%d questions", n)
			}
		})
	}
}

// What an earlier run learned is believed until the server says otherwise: it was
// upgraded, rolled back, or is another one.
func TestARememberedGenerationIsOverruled(t *testing.T) {
	server := &later{version: "1", status: 404, kind: "text/plain", words: "404 page not found"}
	f := wiretest.Listen(t, server)
	known := transport.Facts{Kind: transport.KindProject, Generation: engram.Gen3, Asked: time.Now().Unix()}
	for _, tc := range []struct {
		version, what string
		want          engram.Generation
		orLater       bool
	}{
		{"2", "nobody asked further, so it may be what it was", engram.Gen3, false},
		{"1", "rolled back to 1.x", engram.Gen1, false},
		{"2", "and upgraded again", engram.Gen2, true},
	} {
		server.version = tc.version
		remote := wiretest.DialProject(t, f.URL, transport.Options{Known: known, OnFacts: func(facts transport.Facts) { known = facts }})
		if _, err := remote.ReadManifest(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := remote.Facts(); got.Generation != tc.want || got.OrLater != tc.orLater {
			t.Errorf("%s: got %+v", tc.what, got)
		}
	}
	ahead := transport.Facts{Kind: transport.KindProject, Generation: engram.Gen3, Asked: time.Now().Add(25 * time.Hour).Unix()}
	if got := wiretest.DialProject(t, f.URL, transport.Options{Known: ahead}).Facts(); got.Generation != engram.Gen2 || !got.OrLater {
		t.Errorf("asked by a clock that was wrong, it is %+v", got)
	}
	old := transport.Facts{Kind: transport.KindProject, Generation: engram.Gen3, Asked: time.Now().Add(-25 * time.Hour).Unix()}
	remote := wiretest.DialProject(t, f.URL, transport.Options{Known: old})
	if got := remote.Facts(); got.Generation != engram.Gen2 || !got.OrLater {
		t.Errorf("asked a day ago, it is %+v", got)
	}
	if err := remote.FindGeneration(t.Context()); err != nil || remote.Facts().Generation != engram.Gen2 || remote.Facts().OrLater {
		t.Errorf("asked again, it is %+v, %v", remote.Facts(), err)
	}
}

// An upgraded server may take more than it did: nobody else would say so.
func TestAnUpgradeEndsTheLimit(t *testing.T) {
	server := &later{version: "1"}
	f := wiretest.Listen(t, server)
	known := transport.Facts{Kind: transport.KindProject, Generation: engram.Gen1, Limit: 5000}
	for version, want := range map[string]int64{"1": 5000, "2": 0} {
		server.version = version
		remote := wiretest.DialProject(t, f.URL, transport.Options{Known: known})
		if _, err := remote.ReadManifest(t.Context()); err != nil || remote.Facts().Limit != want {
			t.Errorf("version %s: got %+v, %v", version, remote.Facts(), err)
		}
	}
}

// A limit that nobody has named for a day is put to the test, once, with something a
// little larger, and no other.
func TestALimitRises(t *testing.T) {
	const was = 5000
	day := time.Now().Add(-25 * time.Hour).Unix()
	for name, tc := range map[string]struct {
		limit, at, want int64
		asked           int
		gone            bool // for now
	}{
		"it is the same":        {was, day, was, 1, false},
		"it fell":               {was - 1000, day, was - 1000, 1, false},
		"it rose":               {was + 1000, day, 0, 1, false},
		"it was named today":    {was + 1000, time.Now().Unix(), was, 0, false},
		"nobody knows when":     {was + 1000, 0, 0, 1, false},
		"who asks gets nowhere": {was + 1000, day, was, 2, true},
		"a clock ran far ahead": {was + 1000, time.Now().Add(25 * time.Hour).Unix(), 0, 1, false},
	} {
		s, f := wiretest.ProjectServer(t, projectserver.Options{MaxPushBytes: tc.limit})
		if tc.gone {
			f.Instead(func(w http.ResponseWriter, _ *http.Request) bool {
				w.WriteHeader(http.StatusRequestEntityTooLarge)
				return true
			})
		}
		known := transport.Facts{Generation: engram.Gen1, Limit: was, LimitAt: tc.at}
		remote := wiretest.DialProject(t, f.URL, transport.Options{Known: known})
		for range 2 {
			if limit, err := remote.FindLimit(t.Context()); err != nil || limit != tc.want {
				t.Errorf("%s: got %d, %v", name, limit, err)
			}
		}
		if asked := len(f.Whats()); asked != tc.asked || len(s.Chunks("p")) > 0 {
			t.Errorf("%s: asked %d times", name, asked)
		}
	}
}

// A question that gets no answer stands in nobody's way, and is put again.
func TestAGenerationThatCannotBeAskedFor(t *testing.T) {
	server := &later{version: "2"}
	f := wiretest.Listen(t, server)
	remote := wiretest.DialProject(t, f.URL, transport.Options{})
	for _, status := range []int{502, 503, 429} {
		server.status, server.kind, server.words = status, "text/plain", "down"
		if err := remote.FindGeneration(t.Context()); err != nil || remote.Facts().Generation != engram.Gen2 || !remote.Facts().OrLater {
			t.Errorf("%d: got %+v, %v", status, remote.Facts(), err)
		}
	}
	f.Instead(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	if err := remote.FindGeneration(t.Context()); err != nil || !remote.Facts().OrLater {
		t.Errorf("cut off: got %+v, %v", remote.Facts(), err)
	}
	f.Instead(nil)
	server.status, server.words = 401, "unauthorized: missing authorization header"
	if err := remote.FindGeneration(t.Context()); err != nil || remote.Facts().Generation != engram.Gen3 || remote.Facts().OrLater {
		t.Errorf("got %+v, %v", remote.Facts(), err)
	}
}

package project_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"
	"github.com/engram-sync/engram-sync/internal/transport"
)

const (
	compressedEnvelope = "application/vnd.engram.sync+gzip; version=1"
	plainEnvelope      = "application/json"
)

// pushed are the types of the chunks that came since the last call.
func pushed(f *wiretest.Front) (types []string) {
	for _, a := range f.Requests() {
		if a.What == "POST /sync/push" {
			types = append(types, a.ContentType)
		}
	}
	return types
}

func write(t *testing.T, remote *transport.RemoteTransport, content string) wiretest.Chunk {
	t.Helper()
	c := wiretest.Part(t, wiretest.Rows(content))
	if err := remote.WriteChunk(t.Context(), c.Entry, c.Open); err != nil {
		t.Fatal(err)
	}
	return c
}

// Compressed pushes go only to servers that have shown that they know them, and a
// later process takes its word for it.
func TestPushesAreCompressed(t *testing.T) {
	for release, knows := range map[projectserver.Release]bool{
		projectserver.Release1161: false, projectserver.Release120: false, projectserver.Release2: true, projectserver.Release3: true,
	} {
		s, f := wiretest.ProjectServer(t, projectserver.Options{Release: release})
		var known transport.Facts
		hear := func(facts transport.Facts) { known = facts }
		remote := wiretest.DialProject(t, f.URL, transport.Options{OnFacts: hear})
		first := write(t, remote, "first")
		if text, err := wiretest.PullPart(t, remote, first.ID()); err != nil || text != first.Text {
			t.Fatalf("pulled %q, %v", text, err)
		}
		write(t, remote, strings.Repeat("second ", 1000))
		write(t, wiretest.DialProject(t, f.URL, transport.Options{Known: known}), "third")
		want := []string{plainEnvelope, plainEnvelope, plainEnvelope}
		if knows {
			want[1], want[2] = compressedEnvelope, compressedEnvelope
		}
		if types := pushed(f); !slices.Equal(types, want) || len(s.Chunks("repo")) != 3 {
			t.Errorf("%s: sent %q", release, types)
		}
	}
}

// What is sent is one JSON value and nothing after it, compressed or not: 2.x
// refuses more. Source: engram-2.md 4.3.
func TestAPushIsOneValue(t *testing.T) {
	_, f := wiretest.ProjectServer(t, projectserver.Options{Release: projectserver.Release2})
	for _, known := range []transport.Gzip{"", "shown"} {
		write(t, wiretest.DialProject(t, f.URL, transport.Options{Known: transport.Facts{Gzip: known}}), "C")
		var body io.Reader
		for _, a := range f.Requests() {
			body = strings.NewReader(string(a.Body))
			if a.ContentType == compressedEnvelope {
				z, err := gzip.NewReader(body)
				if err != nil {
					t.Fatal(err)
				}
				body = z
			}
		}
		text, err := io.ReadAll(body)
		if err != nil || !json.Valid(text) || text[0] != '{' || text[len(text)-1] != '}' {
			t.Errorf("sent %q, %v", text, err)
		}
	}
}

// A server that gives compressed chunks and takes none gets them as they are, and is
// asked only once, by later processes too: whatever way it or a proxy refuses them.
// Source: engram-2.md 4.3, 7.
func TestCompressedPushesThatAreRefused(t *testing.T) {
	const code = `,"error_class":"repairable","error_code":"upgrade_repairable_payload_invalid"}`
	for name, answer := range map[string]struct {
		status     int
		kind, body string
	}{
		"a server that does not know them": {400, "application/json", `{"error":"invalid push payload: invalid character '\u001f' looking for beginning of value"` + code},
		"a later one, by a mangled header": {400, "application/json", `{"error":"invalid push payload: invalid character '\u001f' (content-type: \"text/plain\")"` + code},
		"another version":                  {415, "application/json", `{"error":"unsupported content type"` + code},
		"a proxy's 413":                    {413, "text/html", "<title>413</title>"},
		"a proxy's 415":                    {415, "text/html", "<title>415</title>"},
	} {
		t.Run(name, func(t *testing.T) {
			s, f := wiretest.ProjectServer(t, projectserver.Options{})
			gives(f, func(w http.ResponseWriter) {
				w.Header().Set("Content-Type", answer.kind)
				w.WriteHeader(answer.status)
				_, _ = io.WriteString(w, answer.body)
			})
			known := transport.Facts{Gzip: "shown"}
			for _, content := range []string{"0", "1", "2"} {
				remote := wiretest.DialProject(t, f.URL, transport.Options{Known: known, OnFacts: func(facts transport.Facts) { known = facts }})
				c := write(t, remote, content)
				if _, err := wiretest.PullPart(t, remote, c.ID()); err != nil {
					t.Fatal(err)
				}
			}
			want := []string{compressedEnvelope, plainEnvelope, plainEnvelope, plainEnvelope}
			if types := pushed(f); !slices.Equal(types, want) || len(s.Chunks("repo")) != 3 {
				t.Errorf("pushed as %q, there are %q", types, s.Chunks("repo"))
			}
		})
	}
}

// A chunk that is refused for what it says is so in both forms: that says nothing of
// the form.
func TestABadChunkTakesNoLicence(t *testing.T) {
	_, f := wiretest.ProjectServer(t, projectserver.Options{Release: projectserver.Release2})
	remote := wiretest.DialProject(t, f.URL, transport.Options{Known: transport.Facts{Gzip: "shown"}})
	bad := wiretest.Part(t, strings.Replace(wiretest.Rows("C"), `"title":"`, `"title":" ","was":"`, 1))
	wiretest.OneClass(t, remote.WriteChunk(t.Context(), bad.Entry, bad.Open), transport.ErrRefused)
	if types := pushed(f); !slices.Equal(types, []string{compressedEnvelope, plainEnvelope}) {
		t.Errorf("pushed as %q", types)
	}
	write(t, remote, "D")
	if types := pushed(f); !slices.Equal(types, []string{compressedEnvelope}) {
		t.Errorf("then pushed as %q", types)
	}
}

// A server that is of another generation than before has to show it again.
func TestARollbackTakesTheLicence(t *testing.T) {
	_, f := wiretest.ProjectServer(t, projectserver.Options{}) // its manifest is version 1
	known := transport.Facts{Kind: transport.KindProject, Generation: engram.Gen2, Gzip: "shown"}
	remote := wiretest.DialProject(t, f.URL, transport.Options{Known: known})
	if _, err := remote.ReadManifest(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, remote, "C")
	if types := pushed(f); !slices.Equal(types, []string{plainEnvelope}) {
		t.Errorf("pushed as %q", types)
	}
}

// gives makes a front give compressed chunks, and refuse those that come so.
func gives(f *wiretest.Front, refuse func(http.ResponseWriter)) {
	f.Instead(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Content-Type") == compressedEnvelope {
			refuse(w)
			return true
		}
		if !strings.HasPrefix(r.URL.Path, "/sync/pull/") {
			return false
		}
		plain := httptest.NewRecorder()
		f.Handler.ServeHTTP(plain, r)
		w.Header().Set("Content-Type", compressedEnvelope)
		z := gzip.NewWriter(w)
		_, _ = z.Write(plain.Body.Bytes())
		_ = z.Close()
		return true
	})
}

// The limit counts what a compressed push holds, not what it weighs. Later releases
// say so in words of their own. Source: engram-2.md 4.3.
func TestTheLimitCountsWhatIsCompressed(t *testing.T) {
	_, f := wiretest.ProjectServer(t, projectserver.Options{Release: projectserver.Release3, MaxPushBytes: 10_000})
	remote := wiretest.DialProject(t, f.URL, transport.Options{Known: transport.Facts{Gzip: "shown"}})
	large := wiretest.Part(t, wiretest.Rows(strings.Repeat("m", 20_000)))
	for _, want := range [][]string{{compressedEnvelope}, nil} {
		var tooLarge *transport.TooLargeError
		if err := remote.WriteChunk(t.Context(), large.Entry, large.Open); !errors.As(err, &tooLarge) || tooLarge.Limit != 10_000 {
			t.Errorf("got %v", err)
		}
		if types := pushed(f); !slices.Equal(types, want) {
			t.Errorf("pushed as %q, want %q", types, want)
		}
	}
	write(t, remote, "m")
	if types := pushed(f); !slices.Equal(types, []string{compressedEnvelope}) {
		t.Errorf("a small one was pushed as %q", types)
	}
}

// A chunk that is stored under another id was taken as well: the next one goes out as it
// is at once.
func TestAnotherIDEndsCompressionToo(t *testing.T) {
	f := wiretest.Listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", plainEnvelope)
		if r.Header.Get("Content-Type") == compressedEnvelope {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid json: invalid character"}`)
			return
		}
		_, _ = io.WriteString(w, `{"status":"ok","chunk_id":"00000000"}`)
	}))
	remote := wiretest.DialProject(t, f.URL, transport.Options{Known: transport.Facts{Gzip: "shown"}})
	for _, content := range []string{"first", "second"} {
		c := wiretest.Part(t, wiretest.Rows(content))
		if err := remote.WriteChunk(t.Context(), c.Entry, c.Open); err == nil {
			t.Error("it has the id that it was sent with")
		}
	}
	if types := pushed(f); !slices.Equal(types, []string{compressedEnvelope, plainEnvelope, plainEnvelope}) {
		t.Errorf("sent %q", types)
	}
}

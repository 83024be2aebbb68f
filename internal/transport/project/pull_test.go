package project_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/engram-sync/engram-sync/internal/testkit/wiretest"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/testkit/projectserver"
	"github.com/engram-sync/engram-sync/internal/transport"
)

// giving answers every chunk pull with a body.
func giving(t *testing.T, contentType string, body io.Reader, size int64) *wiretest.Front {
	t.Helper()
	f := wiretest.Listen(t, http.NotFoundHandler())
	f.Instead(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Type", contentType)
		if size >= 0 {
			w.Header().Set("Content-Length", fmt.Sprint(size))
		}
		_, _ = io.Copy(w, body)
		return true
	})
	return f
}

// What a server gives under an id is held against it.
func TestPulledPartsAreChecked(t *testing.T) {
	chunk := wiretest.Part(t, wiretest.Rows("C"))
	pretty := strings.NewReplacer(`":`, `" : `, `,"`, " ,\n\t\"").Replace(chunk.Text)
	for name, tc := range map[string]struct {
		body  string
		class error
		says  string
	}{
		"as PostgreSQL writes it":      {pretty, nil, ""},
		"tampered with":                {strings.Replace(pretty, "note", "Note", 1), engram.ErrDamaged, "hash to"},
		"an account server's envelope": {`{"chunk_id":"` + chunk.ID().String() + `","created_by":"a","data":` + chunk.Text + `}`, engram.ErrDamaged, "hash to"},
		"no JSON":                      {"<html>", engram.ErrDamaged, "the server's copy"},
		"cut":                          {pretty[:len(pretty)-5], engram.ErrDamaged, "the server's copy"},
		"nothing":                      {"", engram.ErrDamaged, "the server's copy"},
		"null":                         {"null", engram.ErrDamaged, ""},
		"a list":                       {"[]", engram.ErrDamaged, ""},
		"nested too deep":              {strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000), engram.ErrDamaged, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := giving(t, "application/json", strings.NewReader(tc.body), -1)
			text, err := wiretest.PullPart(t, wiretest.DialProject(t, f.URL, transport.Options{}), chunk.ID())
			if tc.class == nil {
				if err != nil || text != chunk.Text {
					t.Errorf("got %q, %v", text, err)
				}
				return
			}
			wiretest.OneClass(t, err, tc.class)
			wiretest.OneLine(t, err)
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want %q", err, tc.says)
			}
		})
	}
}

// A chunk of the server's that is missing is told from a path that is.
func TestAMissingPart(t *testing.T) {
	_, f := wiretest.ProjectServer(t, projectserver.Options{})
	_, err := wiretest.PullPart(t, wiretest.DialProject(t, f.URL, transport.Options{}), wiretest.Sample().ID())
	wiretest.OneClass(t, err, transport.ErrRefused)
	if err == nil || !strings.Contains(err.Error(), "404 read chunk: cloudstore: chunk not found") {
		t.Errorf("got %v", err)
	}
	_, err = wiretest.PullPart(t, wiretest.DialProject(t, f.URL, transport.Options{Project: "nope"}), wiretest.Sample().ID())
	wiretest.OneClass(t, err, transport.ErrRefused)
	if err == nil || !strings.Contains(err.Error(), `(project "nope")`) {
		t.Errorf("got %v", err)
	}
}

// A chunk that is larger than what is held in memory is refused, whether or not
// its size is told, and in compressed form, where it costs a server nothing.
func TestPartsThatAreTooLarge(t *testing.T) {
	bomb := strings.NewReader(strings.Repeat(wiretest.Zipped(strings.Repeat("x", 1<<20)), 300)) // gzip members follow each other
	for name, tc := range map[string]struct {
		kind string
		body io.Reader
		size int64
	}{
		"size told":   {"application/json", io.LimitReader(&wiretest.Endless{}, 65<<20), 65 << 20},
		"size untold": {"application/json", io.LimitReader(&wiretest.Endless{}, 65<<20), -1},
		"a gzip bomb": {compressedEnvelope, bomb, -1},
	} {
		t.Run(name, func(t *testing.T) {
			f := giving(t, tc.kind, tc.body, tc.size)
			_, err := wiretest.PullPart(t, wiretest.DialProject(t, f.URL, transport.Options{}), wiretest.Sample().ID())
			wiretest.OneClass(t, err, transport.ErrRefused)
			if err == nil || !strings.Contains(err.Error(), "larger than 64 MiB") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A broken compressed form is damage, and a broken connection is not.
func TestBrokenCompressedParts(t *testing.T) {
	chunk := wiretest.Part(t, wiretest.Rows(strings.Repeat("C", 1000)))
	whole := wiretest.Zipped(chunk.Text)
	flipped := []byte(whole)
	flipped[len(flipped)-6] ^= 1 // in the checksum
	for name, body := range map[string]string{"no gzip": "{}", "cut": whole[:len(whole)/2], "nothing": "", "a wrong checksum": string(flipped)} {
		f := giving(t, compressedEnvelope, strings.NewReader(body), -1)
		_, err := wiretest.PullPart(t, wiretest.DialProject(t, f.URL, transport.Options{}), chunk.ID())
		if !errors.Is(err, engram.ErrDamaged) {
			t.Errorf("%s: got %v", name, err)
		}
		wiretest.OneClass(t, err, engram.ErrDamaged)
	}
	f := giving(t, compressedEnvelope, strings.NewReader(whole[:len(whole)/2]), int64(len(whole)))
	_, err := wiretest.PullPart(t, wiretest.DialProject(t, f.URL, transport.Options{Retries: -1}), chunk.ID())
	wiretest.OneClass(t, err, transport.ErrUnavailable)
}

// Many pulls of chunks that turn out to be large share the memory, and all get there.
func TestManyLargePullsWaitForMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it moves much data, in few goroutines")
	}
	s, f := wiretest.ProjectServer(t, projectserver.Options{})
	remote := wiretest.DialProject(t, f.URL, transport.Options{})
	text := strings.Repeat("m", 5<<20)
	done := make(chan error)
	const n = 4
	for i := range n {
		chunk := wiretest.Part(t, wiretest.Rows(fmt.Sprint(i)+text))
		s.Plant("repo", chunk.ID().String(), []byte(chunk.Text))
		go func() {
			_, err := remote.ReadChunk(t.Context(), chunk.ID(), wiretest.Discard)
			done <- err
		}()
	}
	for range n {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// An interruption ends a pull that waits for the memory of another.
func TestAnInterruptionEndsTheWaitForMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		large, small := wiretest.Part(t, wiretest.Rows(strings.Repeat("m", 5<<20))), wiretest.Part(t, wiretest.Rows("m"))
		remote := wiretest.Dial(t, wiretest.Somewhere, transport.Options{Known: transport.Facts{Kind: "project"}, Project: "repo", Base: wiretest.Base(func(req *http.Request) (*http.Response, error) {
			text := small.Text
			if strings.Contains(req.URL.Path, large.ID().String()) {
				text = large.Text
			}
			resp := wiretest.Answer(req, http.StatusOK, text)
			resp.ContentLength = -1
			return resp, nil
		})})
		release, held := make(chan struct{}), make(chan error)
		go func() {
			_, err := remote.ReadChunk(t.Context(), large.ID(), func(c *engram.Chunk) error {
				<-release
				return wiretest.Discard(c)
			})
			held <- err
		}()
		synctest.Wait()
		ctx, cancel := context.WithCancelCause(t.Context())
		enough, waited := errors.New("enough"), make(chan error, 1)
		go func() {
			_, err := remote.ReadChunk(ctx, small.ID(), wiretest.Discard)
			waited <- err
		}()
		synctest.Wait()
		if len(waited) > 0 {
			t.Fatalf("it did not wait: %v", <-waited)
		}
		cancel(enough)
		if err := <-waited; !errors.Is(err, enough) {
			t.Errorf("got %v", err)
		}
		close(release)
		if err := <-held; err != nil {
			t.Error(err)
		}
	})
}

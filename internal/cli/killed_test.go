package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// rounds is how often each command is killed, each time at another moment.
const rounds = 12

// many is how many chunks are on the way when the kill comes.
const many = 40

// TestKilledPull kills pull with SIGKILL at many moments. Afterwards no file
// has a chunk's name without being that chunk, no entry is without its file,
// and the next run completes what is missing.
func TestKilledPull(t *testing.T) {
	skipLong(t)
	t.Parallel()
	source := filepath.Join(t.TempDir(), ".engram")
	makeChunks(t, source, many, 50_000)
	want := contentsOf(t, source)
	s := newWatchedServer(t)
	u := newUser(t, s.url, s.token)
	u.run(0, "push", "--dir", source)
	for round := range rounds {
		dir := filepath.Join(t.TempDir(), ".engram")
		u.killed(s, round, chunkRequest, dir, "pull", "--dir", dir)
		contentsOf(t, dir)
		u.run(0, "pull", "--dir", dir)
		if diff := cmp.Diff(want, contentsOf(t, dir)); diff != "" {
			t.Fatalf("round %d: the next run did not complete the directory (-want +got):\n%s", round, diff)
		}
		if got := len(listed(t, dir)); got != many {
			t.Fatalf("round %d: %d entries, want %d", round, got, many)
		}
		if left := leftovers(t, dir); len(left) > 0 {
			t.Fatalf("round %d: left behind: %q", round, left)
		}
	}
}

// TestKilledPush kills push at many moments. Afterwards the server has no half
// chunk, and the next run sends what is missing, and nothing twice.
func TestKilledPush(t *testing.T) {
	skipLong(t)
	t.Parallel()
	source := filepath.Join(t.TempDir(), ".engram")
	makeChunks(t, source, many, 50_000)
	for round := range rounds {
		if round%3 == 2 {
			continue // push writes no manifest
		}
		s := newWatchedServer(t)
		u := newUser(t, s.url, s.token)
		u.killed(s, round, pushRequest, source, "push", "--dir", source)
		u.minuteLater()
		u.run(0, "push", "--dir", source)
		u.run(0, "verify", "--dir", source, "--remote", s.url)
		want := map[string]int{}
		for _, id := range listed(t, source) {
			want[id] = 1
		}
		if diff := cmp.Diff(want, s.accepted()); diff != "" {
			t.Fatalf("round %d: how often each chunk was accepted (-want +got):\n%s", round, diff)
		}
	}
}

// TestKilledInMidRequest kills push while the server is at work on its chunk, which no
// manifest lists yet. The next run looks, and does not send that chunk again: not
// while it may still come, and not when it has.
func TestKilledInMidRequest(t *testing.T) {
	t.Parallel()
	source := filepath.Join(t.TempDir(), ".engram")
	makeChunks(t, source, 2, 1000)
	s := newWatchedServer(t)
	u := newUser(t, s.url, s.token)
	killed := u.command("push", "--dir", source, "-j", "1")
	begun, applied := make(chan struct{}), make(chan struct{})
	var pushes, looks atomic.Int64
	s.watch(func(r *http.Request) {
		switch {
		case pushRequest(r) && pushes.Add(1) == 2:
			*r = *r.WithContext(context.WithoutCancel(r.Context())) // as a server that does not notice
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			close(begun)
			<-applied
		case pushes.Load() < 2:
		case r.URL.Path == "/sync/pull" && looks.Add(1) == 2: // the first look, behind the one that compares
			close(applied)
		}
	}, nil)
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	<-begun
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait() // it was killed
	out, errs := u.run(0, "push", "--dir", source)
	wantLine(t, errs, "an earlier run did not see whether the server stored")
	want := map[string]int{}
	for _, id := range listed(t, source) {
		want[id] = 1
	}
	if diff := cmp.Diff(want, s.accepted()); diff != "" {
		t.Errorf("how often each chunk was accepted (-want +got):\n%s\n%s", diff, out)
	}
}

// TestKilledPushToAProject kills the push of a chunk that goes in parts. The next
// run sends the parts that are missing, and none twice.
func TestKilledPushToAProject(t *testing.T) {
	skipLong(t)
	t.Parallel()
	const parts = 6
	source := filepath.Join(t.TempDir(), ".engram")
	id, err := storeChunk(source, chunkOf(slices.Repeat([]int{2_500_000}, parts)))
	if err != nil {
		t.Fatal(err)
	}
	if err := storeManifest(source, []string{id}); err != nil {
		t.Fatal(err)
	}
	for _, round := range []int{0, 1} { // before the first part, and after the fourth
		s := newWatchedProject(t)
		u := newUser(t, s.url, s.token)
		u.env = append(u.env, "ENGRAM_SYNC_PROJECT=repo")
		u.killed(s, round, pushRequest, source, "push", "--dir", source, "-j", "1")
		before := len(s.accepted())
		u.run(0, "push", "--dir", source)
		counts := s.accepted()
		for part, n := range counts {
			if n != 1 {
				t.Errorf("round %d: part %s was accepted %d times", round, part, n)
			}
		}
		if len(counts) != parts || before == parts {
			t.Errorf("round %d: %d parts before, %d in the end", round, before, len(counts))
		}
		if stdout, _ := u.run(0, "push", "--dir", source); !strings.HasPrefix(stdout, "nothing to do; 1 chunk here") {
			t.Errorf("round %d: then %s", round, stdout)
		}
	}
}

// killed runs a command and kills it at a moment that depends on the round:
// before or after the server handles one of the requests that count, or as soon
// as a file shows up in the directory that the manifest lies in.
func (u *user) killed(s *watchedServer, round int, counts func(*http.Request) bool, dir string, args ...string) {
	u.t.Helper()
	cmd := u.command(args...)
	kill := func() { _ = cmd.Process.Kill() } // it may have ended
	var seen atomic.Int64
	victim := int64(1 + round*(many-1)/(rounds-1))
	at := func(r *http.Request) {
		if counts(r) && seen.Add(1) == victim {
			kill()
		}
	}
	started := make(chan struct{})
	wait := func(f func(*http.Request)) func(*http.Request) {
		return func(r *http.Request) { <-started; f(r) }
	}
	switch round % 3 {
	case 0:
		s.watch(wait(at), nil)
	case 1:
		s.watch(nil, wait(at))
	}
	if err := cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	close(started)
	ended := make(chan struct{})
	if round%3 == 2 {
		go killAtManifest(dir, kill, ended)
	}
	err := cmd.Wait()
	close(ended)
	s.settle()
	s.watch(nil, nil)
	u.t.Logf("round %d: killed at request %d: %v", round, victim, err)
}

// minuteLater makes it longer ago that a run was killed: what it has sent is on the
// server by now, or never will be.
func (u *user) minuteLater() {
	u.t.Helper()
	ago := time.Now().Add(-time.Minute)
	err := filepath.WalkDir(u.home, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Base(filepath.Dir(path)) != "in-flight" {
			return err
		}
		return os.Chtimes(path, ago, ago)
	})
	if err != nil {
		u.t.Fatal(err)
	}
}

// killAtManifest waits for the moment in which a manifest is being written.
func killAtManifest(dir string, kill func(), ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		default:
		}
		names, _ := os.ReadDir(dir) // not there yet is none
		for _, name := range names {
			if strings.HasSuffix(name.Name(), ".tmp") {
				kill()
				return
			}
		}
	}
}

// TestSentTwice proves that TestKilledPush would notice a chunk that is sent
// twice: the count is that of the server, not of the client.
func TestSentTwice(t *testing.T) {
	t.Parallel()
	s := newWatchedServer(t)
	body := `{"chunk_id":"%s","created_by":"vm","data":{"sessions":[]}}`
	id := contentID([]byte(`{"sessions":[]}`))
	for range 2 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/sync/push", strings.NewReader(fmt.Sprintf(body, id)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	if diff := cmp.Diff(map[string]int{id: 2}, s.accepted()); diff != "" {
		t.Error(diff)
	}
}

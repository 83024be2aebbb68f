package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/engram-sync/engram-sync/internal/server"
)

// chunk is the body of the nth push of a pusher: some are longer than what the
// database keeps in one row.
func chunk(pusher, n int) (id, body string) {
	id = fmt.Sprintf("%04x%04x", pusher, n)
	return id, `{"chunk_id":"` + id + `","data":{"prompts":[{"session_id":"s","content":"` + strings.Repeat(id, n%50<<11) + `"}]}}`
}

// A backup is the server of one moment: of each pusher it has the first so many
// chunks, all those that were accepted before it began, and each of them whole.
func TestBackupsUnderPushesAreConsistent(t *testing.T) {
	const pushers = 4
	s := open(t, server.Options{})
	c := listen(t, s)
	files := t.TempDir()
	var accepted [pushers]atomic.Int64
	var started, all sync.WaitGroup
	var enough atomic.Bool
	defer all.Wait()
	defer enough.Store(true)
	for pusher := range pushers {
		started.Add(1)
		begun := sync.OnceFunc(started.Done)
		all.Go(func() {
			defer begun()
			for n := 0; !enough.Load(); n++ {
				_, body := chunk(pusher, n)
				c.post("/sync/push", body).want(t, 200, "")
				accepted[pusher].Add(1)
				begun()
			}
		})
	}
	started.Wait()
	for i := range 3 {
		var before [pushers]int
		for pusher := range pushers {
			before[pusher] = int(accepted[pusher].Load())
		}
		file := filepath.Join(files, fmt.Sprint(i))
		if err := s.Backup(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		r := listen(t, open(t, server.Options{Dir: restored(t, file)}))
		manifest := r.get("/sync/pull").body
		for pusher, least := range before {
			n := 0
			for id, body := chunk(pusher, n); strings.Contains(manifest, id); id, body = chunk(pusher, n) {
				if got := r.get("/sync/pull/" + id); got.status != 200 || got.body != body {
					t.Errorf("chunk %s of backup %d: %d, %d bytes of %d", id, i, got.status, len(got.body), len(body))
				}
				n++
			}
			if listed := strings.Count(manifest, fmt.Sprintf(`"id":"%04x`, pusher)); n < least || listed != n {
				t.Errorf("backup %d has %d chunks of pusher %d, the first %d of them in a row; %d were accepted before", i, listed, pusher, n, least)
			}
		}
	}
}

// restored is a new data directory made from a backup.
func restored(t testing.TB, file string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "made", "by restore")
	if err := server.Restore(t.Context(), file, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// backup makes one in a directory of its own.
func backup(t testing.TB, s *server.Server) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file:backup?mode=memory#%41")
	if runtime.GOOS == "windows" {
		file = filepath.Join(t.TempDir(), "backup")
	}
	if err := s.Backup(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestABackupIsOneFileForItsOwnerAlone(t *testing.T) {
	s := open(t, server.Options{})
	listen(t, s).post("/sync/push", `{"chunk_id":"00000001"}`).want(t, 200, "")
	file := backup(t, s)
	wantOnly(t, filepath.Dir(file), filepath.Base(file))
	info, err := os.Stat(file)
	if err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode %v (%v)", info.Mode(), err)
	}
	dir := restored(t, file)
	wantOnly(t, dir, "open.lock", "server.db")
	info, err = os.Stat(filepath.Join(dir, "server.db"))
	if err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("restored with mode %v (%v)", info.Mode(), err)
	}
}

func wantOnly(t testing.TB, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("in there: %q (%v), want %q", got, err, want)
	}
}

// Without the signing key a backup makes nobody anybody else.
func TestWhatIsGoodAfterARestore(t *testing.T) {
	dir := t.TempDir()
	s := open(t, server.Options{Dir: dir})
	add(t, s, "alice")
	alice, apiKey := listen(t, s).signIn("alice", "password-of-alice")
	file := backup(t, s)
	secret := signingKey(t, dir)
	text, err := os.ReadFile(file)
	if err != nil || bytes.Contains(text, secret) {
		t.Errorf("the signing key is in the backup (%v)", err)
	}

	c := listen(t, open(t, server.Options{Dir: restored(t, file)}))
	c.as(alice.AccessToken).get("/sync/pull").want(t, 401, badToken)
	c.as(apiKey).get("/sync/pull").want(t, 200, "")
	c.signIn("alice", "password-of-alice")

	other := t.TempDir()
	write(t, other, "signing.key", string(secret))
	if err := server.Restore(t.Context(), file, other); err != nil {
		t.Fatal(err)
	}
	listen(t, open(t, server.Options{Dir: other})).as(alice.AccessToken).get("/sync/pull").want(t, 200, "")
}

func TestBackupLeavesNothingWhenItFails(t *testing.T) {
	s := open(t, server.Options{})
	dir := t.TempDir()
	write(t, dir, "taken", "precious")
	if err := s.Backup(t.Context(), filepath.Join(dir, "taken")); !errors.Is(err, fs.ErrExist) || strings.Contains(err.Error(), "\n") {
		t.Errorf("over a file: %v", err)
	}
	if err := s.Backup(t.Context(), filepath.Join(dir, "missing", "b")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("into no directory: %v", err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Backup(canceled, filepath.Join(dir, "b")); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	wantOnly(t, dir, "taken")
	if text, err := os.ReadFile(filepath.Join(dir, "taken")); string(text) != "precious" {
		t.Errorf("%q, %v", text, err)
	}
}

package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/engram-sync/engram-sync/internal/server"
)

func TestNothingInTheDataDirectoryIsForOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes mean nothing there")
	}
	dir := filepath.Join(t.TempDir(), "made", "by open # ? %41") // SQLite gets it as a URI
	s := open(t, server.Options{Dir: dir, Pages: true})
	c := listen(t, s)
	c.post("/sync/push", `{"chunk_id":"00000001"}`).want(t, 200, "")
	index := add(t, s, "alice").ID + ".db"
	newReader(t, s).in("alice").sees("/", "alice")
	modes := map[string]os.FileMode{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil {
			modes[filepath.Base(path)] = info.Mode().Perm()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range modes {
		if mode&0o077 != 0 {
			t.Errorf("%s has mode %o", name, mode)
		}
	}
	for _, name := range []string{"server.db", "server.db-wal", "signing.key", index, index + "-wal"} {
		if modes[name] != 0o600 {
			t.Errorf("%s has mode %o", name, modes[name])
		}
	}
}

// Two runs of the client with an embedded server are two Servers on one directory.
func TestTwoServersShareADirectory(t *testing.T) {
	dir := t.TempDir()
	const pushes = 40
	var all sync.WaitGroup
	for i := range 2 {
		c := listen(t, open(t, server.Options{Dir: dir}))
		for j := range 4 {
			all.Go(func() {
				for n := j; n < pushes; n += 4 {
					// Half of the chunks are pushed by both.
					id := fmt.Sprintf("%08x", n+i*pushes/2)
					c.post("/sync/push", `{"chunk_id":"`+id+`","data":{"prompts":[{"session_id":"s","content":"`+id+`"}]}}`).
						want(t, 200, accepted(id, 0, 0, 1))
				}
			})
		}
	}
	all.Wait()
	c := listen(t, open(t, server.Options{Dir: dir}))
	if got := strings.Count(c.get("/sync/pull").body, `"id"`); got != pushes*3/2 {
		t.Errorf("%d chunks are listed, want %d", got, pushes*3/2)
	}
}

// One Server at a time serves a directory; who waits comes next, and who only opens it does not have to.
func TestOneServerServesADirectory(t *testing.T) {
	opts := server.Options{Dir: t.TempDir(), Serves: true}
	first, err := server.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	var served *server.ServedError
	if _, err := server.Open(t.Context(), opts); !errors.As(err, &served) || served.PID != os.Getpid() || time.Since(served.Since) > time.Hour {
		t.Errorf("a second one gets %v", err)
	}
	open(t, server.Options{Dir: opts.Dir})
	time.AfterFunc(time.Millisecond, func() {
		if err := first.Close(); err != nil {
			t.Error(err)
		}
	})
	opts.LockWait = time.Minute
	open(t, opts)
}

// Whoever is first makes the key and the account; all others take them over.
func TestServersThatStartAtOnceAgree(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	const starters = 8
	servers := make([]*server.Server, starters)
	tokens := make([]string, starters)
	var all sync.WaitGroup
	for i := range starters {
		all.Go(func() {
			s, err := server.Open(t.Context(), server.Options{Dir: dir})
			if err != nil {
				t.Error(err)
				return
			}
			servers[i] = s
			if tokens[i], err = s.LocalToken(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i, s := range servers {
		if s == nil {
			continue
		}
		c := listen(t, s)
		for _, token := range tokens {
			c.as(token).get("/sync/pull").want(t, 200, "")
		}
		c.post("/sync/push", fmt.Sprintf(`{"chunk_id":"%08x"}`, i)).want(t, 200, "")
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	// They all wrote to one account.
	if got := strings.Count(listen(t, open(t, server.Options{Dir: dir})).get("/sync/pull").body, `"id"`); got != starters {
		t.Errorf("%d chunks in the local account, want %d", got, starters)
	}
}

func TestOpenGivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := server.Open(ctx, server.Options{Dir: t.TempDir()}); err == nil {
		t.Error("no error", s.Close())
	}
}

func TestOpenSweepsWhatACrashLeft(t *testing.T) {
	dir := t.TempDir()
	spool := filepath.Join(dir, "spool")
	if err := os.Mkdir(spool, 0o700); err != nil {
		t.Fatal(err)
	}
	old, live := filepath.Join(spool, "push-1"), filepath.Join(spool, "push-2")
	key := filepath.Join(dir, ".engram-sync-XYZ.tmp")
	for _, path := range []string{old, live, key} {
		if err := os.WriteFile(path, []byte("left"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	yesterday := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(old, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	open(t, server.Options{Dir: dir})
	for path, there := range map[string]bool{old: false, live: true, key: false} {
		if _, err := os.Stat(path); (err == nil) != there {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestNoPushLeavesAFile(t *testing.T) {
	dir := t.TempDir()
	c := listen(t, open(t, server.Options{Dir: dir}))
	c.post("/sync/push", `{"chunk_id":"00000001"}`).want(t, 200, "")
	c.post("/sync/push", `{"chunk_id":"00000001","data":{}}`).want(t, 409, "")
	c.post("/sync/push", `{`).want(t, 400, "")
	c.do(http.MethodPost, "/sync/push", bigBody("00000002", 50<<20+1)).want(t, 413, "")
	left, err := os.ReadDir(filepath.Join(dir, "spool"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestOpenRefusesWhatItCannotRead(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		want  string
	}{
		{"a newer schema", func(t *testing.T, dir string) { execute(t, dir, "PRAGMA user_version = 99") },
			"written by a newer release (schema 99, this one knows 9): upgrade engram-sync"},
		{"a database that is none", func(t *testing.T, dir string) { write(t, dir, "server.db", strings.Repeat("x", 4096)) }, "not a database"},
		{"a short key", func(t *testing.T, dir string) { write(t, dir, "signing.key", "short") }, "is damaged (5 bytes, not 32)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := server.Open(t.Context(), server.Options{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			tt.spoil(t, dir)
			_, err = server.Open(t.Context(), server.Options{Dir: dir})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A server whose database was lost does not begin anew without a word, nor does one open what
// others can get at.
func TestWhatIsNotOpened(t *testing.T) {
	made := func(t *testing.T) (dir, database, key string) {
		t.Helper()
		dir = t.TempDir()
		s, err := server.Open(t.Context(), server.Options{Dir: dir})
		if err == nil {
			err = s.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		return dir, filepath.Join(dir, "server.db"), filepath.Join(dir, "signing.key")
	}
	refused := func(t *testing.T, dir string, want error) {
		t.Helper()
		s, err := server.Open(t.Context(), server.Options{Dir: dir})
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		if err == nil {
			_ = s.Close()
		}
	}
	do := func(t *testing.T, errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	dir, database, key := made(t)
	do(t, os.Remove(database))
	refused(t, dir, server.ErrGone)
	do(t, os.WriteFile(database, nil, 0o600))
	refused(t, dir, server.ErrGone)
	do(t, os.Remove(key)) // that is meant
	if err := open(t, server.Options{Dir: dir}).Close(); err != nil {
		t.Error(err)
	}
	for _, at := range []int{1, 2} {
		dir, database, key := made(t)
		path := []string{dir, database, key}[at]
		do(t, os.Chmod(path, 0o640))
		refused(t, dir, server.ErrExposed)
		do(t, os.Chmod(path, 0o400|0o200))
		refused(t, dir, nil)
	}
}

package reading

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/engram-sync/engram-sync/internal/server/limits"
	"github.com/engram-sync/engram-sync/internal/server/spool"
	"github.com/engram-sync/engram-sync/internal/server/store"
	"github.com/engram-sync/engram-sync/internal/sqliteuri"
)

// library is a store in memory: chunks of accounts, by their ids.
type library struct {
	store.Chunks
	store.Users
	chunks map[string]map[string]string // bodies
	wait   map[string]chan struct{}     // what an account's chunks wait for
	gone   sync.Map
}

func (l *library) UserByID(_ context.Context, id string) (store.User, error) {
	if _, gone := l.gone.Load(id); gone {
		return store.User{}, store.ErrNoUser
	}
	return store.User{ID: id, Name: id}, nil
}

func (l *library) ManifestTag(_ context.Context, id string) (string, error) {
	return fmt.Sprint(len(l.chunks[id])), nil
}

func (l *library) Manifest(_ context.Context, id string, take func(store.ChunkEntry) error) (string, error) {
	for chunk := range l.chunks[id] {
		if err := take(store.ChunkEntry{ID: chunk, CreatedAt: time.Unix(1_800_000_000, 0)}); err != nil {
			return "", err
		}
	}
	return "", nil
}

func (l *library) OpenChunk(ctx context.Context, id, chunk string) (store.Body, error) {
	if wait := l.wait[id]; wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return store.Body{}, ctx.Err()
		}
	}
	return store.Body{ReadSeeker: bytes.NewReader([]byte(l.chunks[id][chunk]))}, nil
}

// room is a Room of a library, which is closed with the test.
func room(t *testing.T, l *library) *Room {
	t.Helper()
	r := NewRoom(Config{
		Dir: filepath.Join(t.TempDir(), "pages"), Chunks: l, Users: l, Met: func(error) {}, Log: slog.New(slog.DiscardHandler),
		Pace: limits.NewTurns(1, 1, 1).Pace, Spools: spool.Place{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Bytes: limits.NewBytes(1<<30, 1<<30)},
		Work: func(context.Context, string) (func(), error) { return func() {}, nil },
	})
	t.Cleanup(r.Close)
	return r
}

// show asks for a page of an account.
func show(t *testing.T, r *Room, id, path string) (status int, text string, err error) {
	t.Helper()
	w := httptest.NewRecorder()
	err = r.Show(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil), store.User{ID: id, Name: id})
	return w.Code, w.Body.String(), err
}

// The indexes that are open are bounded: the one that was used least lately makes room, if it is not in use.
func TestOpenIndexesAreBounded(t *testing.T) {
	r := room(t, &library{})
	for i := range openAtOnce + 5 {
		if status, text, err := show(t, r, fmt.Sprint("account ", i), "/"); err != nil || status != http.StatusOK || !strings.Contains(text, fmt.Sprint("account ", i)) {
			t.Fatal(status, text, err)
		}
		r.mu.Lock()
		if open := len(r.shelves); open > openAtOnce {
			t.Errorf("%d are open", open)
		}
		r.mu.Unlock()
	}
	if r.isOpen("account 0") || !r.isOpen(fmt.Sprint("account ", openAtOnce+4)) {
		t.Error("it was not the oldest that made room")
	}
	var taken []*shelf
	for i := range openAtOnce {
		s, err := r.take(t.Context(), store.User{ID: fmt.Sprint("account ", i)})
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, s)
	}
	if _, _, err := show(t, r, "one more", "/"); !errors.Is(err, limits.ErrBusy) {
		t.Errorf("with all in use: %v", err)
	}
	r.release(taken[7])
	if _, _, err := show(t, r, "one more", "/"); err != nil || r.isOpen("account 7") {
		t.Error(err)
	}
	for i, s := range taken {
		if i != 7 {
			r.release(s)
		}
	}
}

// What nobody uses is closed, and what belongs to nobody is removed.
func TestIdleIndexes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &library{}
		r := room(t, l)
		for _, id := range []string{"ana", "../bo"} {
			if status, text, err := show(t, r, id, "/"); err != nil || status != http.StatusOK {
				t.Fatal(status, text, err)
			}
		}
		<-time.After(idleAfter - time.Second)
		if _, _, err := show(t, r, "ana", "/"); err != nil {
			t.Fatal(err)
		}
		l.gone.Store("../bo", true)
		<-time.After(2 * time.Second)
		synctest.Wait()
		if !r.isOpen("ana") || r.isOpen("../bo") {
			t.Error("not what is idle was closed")
		}
		left, err := os.ReadDir(r.Dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range left {
			if !strings.HasPrefix(e.Name(), "ana.db") {
				t.Errorf("%s is left", e.Name())
			}
		}
		<-time.After(idleAfter)
		synctest.Wait()
		if r.isOpen("ana") {
			t.Error("an idle index is open")
		}
		if _, err := os.Stat(r.path("ana")); err != nil {
			t.Error(err)
		}
	})
}

// An index that turns out to be no good is made anew for the next page.
func TestASpoiltIndex(t *testing.T) {
	l := &library{chunks: map[string]map[string]string{"ana": {"00000001": `{"data":{"observations":[{"title":"A title","content":"word"}]}}`}}}
	r := room(t, l)
	if _, text, err := show(t, r, "ana", "/"); err != nil || !strings.Contains(text, "A title") {
		t.Fatal(text, err)
	}
	db, err := sql.Open("sqlite", sqliteuri.Of(r.path("ana"), nil))
	if err == nil {
		_, err = db.ExecContext(t.Context(), "DROP TABLE texts")
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if status, text, _ := show(t, r, "ana", "/"); status != http.StatusInternalServerError || strings.Contains(text, "no such table") {
		t.Error(status, text)
	}
	for { // until it is closed
		status, text, err := show(t, r, "ana", "/")
		if errors.Is(err, limits.ErrBusy) {
			continue
		}
		if err != nil || status != http.StatusOK || !strings.Contains(text, "A title") {
			t.Error(status, text, err)
		}
		return
	}
}

// Whoever has chunks that take for ever to read waits for themselves only, and not for ever either.
func TestASlowAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := make(chan struct{})
		chunk := map[string]string{"00000001": `{"data":{"observations":[{"title":"A title","content":"word"}]}}`}
		l := &library{wait: map[string]chan struct{}{"mallory": never}, chunks: map[string]map[string]string{"mallory": chunk, "ana": chunk}}
		r := room(t, l)
		began := time.Now()
		if _, text, err := show(t, r, "mallory", "/"); err != nil || !strings.Contains(text, "0 of 1 new chunks are read so far") || strings.Contains(text, "A title") {
			t.Error(text, err)
		}
		if _, text, err := show(t, r, "ana", "/"); err != nil || !strings.Contains(text, "A title") {
			t.Error(text, err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it took %v", took)
		}
		close(never)
		synctest.Wait()           // a page waits no longer for a look that has taken so long
		<-time.After(time.Minute) // until another look may begin, should this one have come to nothing
		if _, text, err := show(t, r, "mallory", "/"); err != nil || !strings.Contains(text, "A title") {
			t.Error(text, err)
		}
	})
}

// Large chunks wait for each other, and small ones not for them.
func TestLargeChunks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := func(size int) map[string]string {
			return map[string]string{"00000001": `{"data":{"observations":[{"sync_id":"o1","title":"A title","content":"` + strings.Repeat("word ", size/5) + `"}]}}`}
		}
		r := room(t, &library{chunks: map[string]map[string]string{"ana": body(largeBytes / 2), "bo": body(largeBytes + 1)}})
		leaveReads, err := r.largeReads.Take(t.Context(), "mallory")
		if err != nil {
			t.Fatal(err)
		}
		if _, text, err := show(t, r, "bo", "/"); err != nil || !strings.Contains(text, "0 of 1 new chunks") {
			t.Error(text, err)
		}
		if _, text, err := show(t, r, "ana", "/"); err != nil || !strings.Contains(text, "A title") {
			t.Error(text, err)
		}
		leaveReads()
		synctest.Wait()
		leavePages, err := r.largePages.Take(t.Context(), "mallory")
		if err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]int{"ana": http.StatusOK, "bo": http.StatusServiceUnavailable} {
			if status, text, err := show(t, r, id, "/memory?id=o1"); err != nil || status != want {
				t.Errorf("%s: %d %.2000s %v", id, status, text, err)
			}
		}
		leavePages()
		if status, text, err := show(t, r, "bo", "/memory?id=o1"); err != nil || status != http.StatusOK {
			t.Errorf("%d %.2000s %v", status, text, err)
		}
	})
}

// Of an account's lists and rows no more are in memory than may be.
func TestTooMuch(t *testing.T) {
	l := &library{chunks: map[string]map[string]string{"ana": {}}}
	for i := range maxChunks + 1 {
		l.chunks["ana"][fmt.Sprintf("%08x", i)] = ""
	}
	r := room(t, l)
	if _, text, err := show(t, r, "ana", "/"); err != nil || !strings.Contains(text, "more than 100000 chunks") {
		t.Error(text, err)
	}
}

// What is too large to be in memory is named, and not read.
func TestTooLarge(t *testing.T) {
	version := func(n, size int) string {
		return fmt.Sprintf(`{"data":{"observations":[{"sync_id":"o1","title":"Version %d","content":"%s","updated_at":"2026-01-01 00:00:%02d"}]}}`, n, strings.Repeat("word ", size/5), n)
	}
	l := &library{chunks: map[string]map[string]string{"ana": {}, "bo": {"00000001": version(1, maxBytes), "00000002": version(2, 10)}}}
	for i := range 9 {
		l.chunks["ana"][fmt.Sprintf("%08x", i)] = version(i, 3<<20)
	}
	r := room(t, l)
	if _, text, err := show(t, r, "bo", "/"); err != nil || !strings.Contains(text, "it has more than 16 MB") || !strings.Contains(text, "Version 2") {
		t.Error(text, err)
	}
	for { // until its chunks are in the index
		status, text, err := show(t, r, "ana", "/memory?id=o1")
		if err == nil && strings.Contains(text, "may not be up to date") {
			continue
		}
		if err != nil || status != http.StatusUnprocessableEntity || !strings.Contains(text, "more text than can be shown") {
			t.Errorf("%d %.2000s %v", status, text, err)
		}
		return
	}
}

// stalled takes nothing of an answer until it is let go.
type stalled struct {
	*httptest.ResponseRecorder
	at, on chan struct{}
}

func (s stalled) Write(p []byte) (int, error) {
	s.at <- struct{}{}
	<-s.on
	return s.ResponseRecorder.Write(p)
}

// A page whose reader takes it slowly is in a file, counts as bytes of its account, and keeps no index open.
func TestASlowReader(t *testing.T) {
	observations := strings.Repeat(`{"title":"A title","content":"`+strings.Repeat("word ", 1000)+`"},`, 40)
	chunk := map[string]string{"00000001": `{"data":{"observations":[` + strings.TrimSuffix(observations, ",") + `]}}`}
	r := room(t, &library{chunks: map[string]map[string]string{"ana": chunk}})
	r.Spools.Bytes = limits.NewBytes(1<<20, 300<<10)
	w := stalled{httptest.NewRecorder(), make(chan struct{}), make(chan struct{})}
	ended := make(chan error)
	go func() {
		ended <- r.Show(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/chunk?id=00000001", nil), store.User{ID: "ana", Name: "ana"})
	}()
	<-w.at
	files, err := os.ReadDir(r.Spools.Dir)
	if err != nil || len(files) != 1 {
		t.Errorf("%d files: %v", len(files), err)
	}
	r.mu.Lock()
	if using := r.shelves["ana"].using; using != 0 {
		t.Errorf("the index is in use by %d", using)
	}
	r.mu.Unlock()
	if _, _, err := show(t, r, "ana", "/chunk?id=00000001"); !errors.Is(err, limits.ErrTooMuch) {
		t.Errorf("a second page: %v", err)
	}
	go func() {
		for range w.at {
		}
	}()
	close(w.on)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	close(w.at)
	if text := w.Body.String(); !strings.Contains(text, "A title") || !strings.HasSuffix(strings.TrimSpace(text), "</html>") {
		t.Errorf("the page is %d bytes", len(text))
	}
	if _, text, err := show(t, r, "ana", "/chunk?id=00000001"); err != nil || !strings.Contains(text, "A title") {
		t.Errorf("behind it: %v", err)
	}
}

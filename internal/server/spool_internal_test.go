package server

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/engram-sync/engram-sync/internal/server/limits"
	"github.com/engram-sync/engram-sync/internal/server/store"
)

// A small body stays in memory, a larger one goes to a file; both come back.
func TestSpool(t *testing.T) {
	s := spools{dir: t.TempDir(), log: slog.New(slog.DiscardHandler), bytes: limits.NewBytes(bodies, bodiesEach)}
	files := func() int {
		list, err := os.ReadDir(s.dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	for _, size := range []int{0, 1, receiveBuffer - 1, receiveBuffer, receiveBuffer + 1, 3*receiveBuffer + 7} {
		for _, known := range []bool{true, false} {
			text := strings.Repeat("memory ", size/7+1)[:size]
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/", iotest.HalfReader(strings.NewReader(text)))
			r.ContentLength = -1
			if known {
				r.ContentLength = int64(size)
			}
			body, spooled, err := s.start(httptest.NewRecorder(), r, store.User{ID: "u"}, maxPushBytes)
			if err != nil {
				t.Fatal(err)
			}
			var seen bytes.Buffer
			if err := spooled.fill(body, func(piece []byte) error { seen.Write(piece); return nil }); err != nil {
				t.Fatal(err)
			}
			want := 0
			if size >= receiveBuffer {
				want = 1
			}
			if n := files(); n != want {
				t.Errorf("%d bytes: %d files, want %d", size, n, want)
			}
			got, err := io.ReadAll(spooled)
			if err != nil || string(got) != text || seen.String() != text {
				t.Errorf("%d bytes: %d came back, %d were checked: %v", size, len(got), seen.Len(), err)
			}
			s.discard(t.Context(), spooled)
			if n := files(); n != 0 {
				t.Errorf("%d bytes: %d files stay", size, n)
			}
		}
	}
}

// What is bad is read to its end in large pieces, and kept nowhere.
func TestSpoolOfABadBody(t *testing.T) {
	s := spools{dir: t.TempDir(), log: slog.New(slog.DiscardHandler), bytes: limits.NewBytes(bodies, bodiesEach)}
	rest := strings.NewReader(strings.Repeat("x", 5*receiveBuffer))
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/", rest)
	body, spooled, err := s.start(httptest.NewRecorder(), r, store.User{ID: "u"}, maxPushBytes)
	if err != nil {
		t.Fatal(err)
	}
	bad := errors.New("bad")
	if err := spooled.fill(body, func([]byte) error { return bad }); !errors.Is(err, bad) {
		t.Errorf("got %v", err)
	}
	if rest.Len() > 0 || spooled.file != nil {
		t.Errorf("%d bytes are not read; file %v", rest.Len(), spooled.file)
	}
}

package spool

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/engram-sync/engram-sync/internal/server/limits"
)

// somewhere is a place in a directory of its own, and tells how many files are there.
func somewhere(t *testing.T) (p Place, files func() int) {
	p = Place{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Bytes: limits.NewBytes(1<<20, 1<<20)}
	return p, func() int {
		t.Helper()
		list, err := os.ReadDir(p.Dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
}

// A small body stays in memory, a larger one goes to a file; both come back, as often as they are wanted.
func TestSpool(t *testing.T) {
	p, files := somewhere(t)
	for _, size := range []int{0, 1, Buffer - 1, Buffer, Buffer + 1, 3*Buffer + 7} {
		for _, room := range []int{size + 1, Buffer} {
			text := strings.Repeat("memory ", size/7+1)[:size]
			s := p.New("u", int64(room))
			var seen bytes.Buffer
			if err := s.Fill(iotest.HalfReader(strings.NewReader(text)), func(piece []byte) error { seen.Write(piece); return nil }); err != nil {
				t.Fatal(err)
			}
			want := 0
			if size >= Buffer {
				want = 1
			}
			if n := files(); n != want {
				t.Errorf("%d bytes: %d files, want %d", size, n, want)
			}
			for range 2 {
				got, err := io.ReadAll(s.Reader())
				if err != nil || string(got) != text || seen.String() != text || s.Len() != int64(size) {
					t.Errorf("%d bytes: %d of %d came back, %d were checked: %v", size, len(got), s.Len(), seen.Len(), err)
				}
			}
			s.Discard(t.Context())
			if n := files(); n != 0 {
				t.Errorf("%d bytes: %d files stay", size, n)
			}
		}
	}
}

// What is bad is read to its end in large pieces, and kept nowhere.
func TestSpoolOfABadBody(t *testing.T) {
	p, _ := somewhere(t)
	rest := strings.NewReader(strings.Repeat("x", 5*Buffer))
	s := p.New("u", Buffer)
	bad := errors.New("bad")
	if err := s.Fill(rest, func([]byte) error { return bad }); !errors.Is(err, bad) {
		t.Errorf("got %v", err)
	}
	if rest.Len() > 0 || s.file != nil {
		t.Errorf("%d bytes are not read; file %v", rest.Len(), s.file)
	}
}

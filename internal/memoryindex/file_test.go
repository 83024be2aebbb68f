package memoryindex_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
)

// An index in a file of its own is found again, made anew where it is no good, and takes no more bytes than it may.
func TestOpenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "one", "of many.db")
	p := &place{}
	p.add(t, "2026-10-01T00:00:00Z", memory("o1", "A title", "word", "2026-10-01 10:00:00"))
	update := func(reads int) (failed []memoryindex.Failure, err error) {
		t.Helper()
		x, err := memoryindex.OpenFile(t.Context(), path, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = x.Close() }()
		p.read = nil
		failed, err = x.Update(t.Context(), p, memoryindex.Options{AtOnce: 1})
		if len(p.read) != reads && reads >= 0 {
			t.Errorf("%d chunks were read, want %d", len(p.read), reads)
		}
		return failed, err
	}
	for _, reads := range []int{1, 0} {
		if _, err := update(reads); err != nil {
			t.Error(err)
		}
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("no index. ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := update(1); err != nil {
		t.Error(err)
	}
	for i := range 20 {
		p.add(t, "2026-10-02T00:00:00Z", memory(fmt.Sprint("large", i), "A title", strings.Repeat(fmt.Sprint("word", i, " "), 20_000), "2026-10-02 10:00:00"))
	}
	if _, err := update(-1); !memoryindex.IsUnkept(err) {
		t.Errorf("an index that is full: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() > 1<<20 {
		t.Errorf("it has %d bytes (%v)", info.Size(), err)
	}
	memoryindex.Remove(path)
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) > 0 {
		t.Errorf("%v are left (%v)", left, err)
	}
}

// Each chunk that is read waits for its turn, which lasts until it is written; without one the update ends, and keeps what it has.
func TestTurns(t *testing.T) {
	p := &place{}
	for i := range 6 {
		p.add(t, "2026-10-01T00:00:00Z", memory(fmt.Sprint("o", i), "A title", "word", "2026-10-01 10:00:00"))
	}
	x, _, err := memoryindex.Open(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = x.Close() }()
	var in, most, all atomic.Int32
	turns := make(chan struct{}, 2)
	full := errors.New("there is no room")
	turn := func(context.Context, engram.ChunkID) (func(), error) {
		if all.Add(1) > 4 {
			return nil, full
		}
		turns <- struct{}{}
		if n := in.Add(1); n > most.Load() {
			most.Store(n)
		}
		return func() {
			in.Add(-1)
			<-turns
		}, nil
	}
	if _, err := x.Update(t.Context(), p, memoryindex.Options{AtOnce: 1, Turn: turn}); !errors.Is(err, full) {
		t.Error(err)
	}
	if in.Load() != 0 || most.Load() < 1 || most.Load() > 2 {
		t.Errorf("%d turns are left, and %d were at once", in.Load(), most.Load())
	}
	if chunks, _, err := x.Chunks(t.Context(), memoryindex.Filter{}); err != nil || known(chunks) != 4 {
		t.Errorf("%d chunks are known (%v)", known(chunks), err)
	}
	p.bad = map[engram.ChunkID]error{p.chunks[5].ID: full}
	all.Store(-100)
	if failed, err := x.Update(t.Context(), p, memoryindex.Options{AtOnce: 3, Turn: turn}); err != nil || len(failed) != 1 {
		t.Error(failed, err)
	}
	if in.Load() != 0 {
		t.Errorf("%d turns are left", in.Load())
	}
}

// An index takes no more rows than it may, and says so; what has more versions than that is told without reading them.
func TestRowsAreBounded(t *testing.T) {
	p := &place{}
	for range 6 {
		p.add(t, "2026-10-01T00:00:00Z", memory("o", "A title", fmt.Sprint("word", len(p.chunks)), "2026-10-01 10:00:00"))
	}
	x, _, err := memoryindex.Open(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = x.Close() }()
	if _, err := x.Update(t.Context(), p, memoryindex.Options{AtOnce: 1, Rows: 3}); !errors.Is(err, memoryindex.ErrManyRows) {
		t.Error(err)
	}
	if _, err := x.Update(t.Context(), p, memoryindex.Options{AtOnce: 1}); err != nil {
		t.Error(err)
	}
	for most, want := range map[int]bool{5: true, 6: false} {
		if many, err := x.Many(t.Context(), "o", most); err != nil || many != want {
			t.Errorf("more than %d: %t %v", most, many, err)
		}
	}
}

func known(entries []memoryindex.Entry) (n int) {
	for _, e := range entries {
		if e.Known {
			n++
		}
	}
	return n
}

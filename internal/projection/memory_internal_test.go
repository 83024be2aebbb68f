package projection

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/engram-sync/engram-sync/internal/engram"
)

const mega = 1 << 20

// waiting acquires memory, and says when it has got it.
func waiting(ctx context.Context, m *memory, size int64, patient bool) (got func() bool) {
	var err error
	done := make(chan struct{})
	go func() {
		err = m.acquire(ctx, size, patient)
		close(done)
	}()
	return func() bool {
		synctest.Wait()
		select {
		case <-done:
			return err == nil
		default:
			return false
		}
	}
}

// keeping keeps a chunk of which some parts are not open yet.
func keeping(t *testing.T, m *memory, name string, size int64, expected, fresh bool, parts ...engram.ChunkID) engram.ChunkID {
	t.Helper()
	if err := m.acquire(t.Context(), size, false); err != nil {
		t.Fatal(err)
	}
	id := chunkNamed(t, name)
	s := &source{reading: &reading{memory: m, weight: size}, parts: map[engram.ChunkID]document{}, expected: expected, fresh: fresh}
	for _, part := range parts {
		s.parts[part] = document{}
	}
	m.put(id, s, map[engram.ChunkID]int64{})
	return id
}

func chunkNamed(t *testing.T, name string) engram.ChunkID {
	t.Helper()
	id, err := engram.ParseChunkID(name)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// What is kept for somebody who is about to open it is let go of only for those who cannot
// wait; what is kept for nobody goes first.
func TestWhoGetsMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		one, two := chunkNamed(t, "00000001"), chunkNamed(t, "00000002")
		first := keeping(t, m, "aaaaaaaa", 30*mega, true, false, one, two)
		keeping(t, m, "bbbbbbbb", 30*mega, false, false, one)
		patient := waiting(t.Context(), m, 40*mega, true)
		if !patient() {
			t.Error("what is kept for nobody is in the way")
		}
		if _, _, ok := m.use(chunkNamed(t, "bbbbbbbb"), one); ok {
			t.Error("and is kept")
		}
		next := waiting(t.Context(), m, 30*mega, true)
		if next() {
			t.Error("what is expected did not wait")
		}
		_, done, ok := m.use(first, one)
		if !ok {
			t.Fatal("what is expected is gone")
		}
		hasty := waiting(t.Context(), m, 30*mega, false)
		if hasty() {
			t.Error("a chunk was let go of while a part of it is written")
		}
		if done(); !hasty() || next() {
			t.Error("who cannot wait waits, or who can does not")
		}
		if _, _, ok := m.use(first, two); ok {
			t.Error("there is more than there is memory for")
		}
		m.release(&reading{memory: m, weight: 40 * mega})
		if !next() {
			t.Error("there is room, and nobody gets it")
		}
	})
}

// A chunk that takes more than there is goes alone, and goes.
func TestLargeChunksGoAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		one := chunkNamed(t, "00000001")
		if !waiting(t.Context(), m, 10*maxHeld, true)() {
			t.Fatal("it does not go")
		}
		small := waiting(t.Context(), m, 1, false)
		if small() {
			t.Error("it is not alone")
		}
		m.release(&reading{memory: m, weight: 10 * maxHeld})
		if !small() {
			t.Error("and nothing goes behind it")
		}
		keeping(t, m, "aaaaaaaa", mega, false, true, one)
		large := waiting(t.Context(), m, 10*maxHeld, false)
		m.release(&reading{memory: m, weight: 1})
		if large() {
			t.Error("what is to be opened at once was let go of")
		}
		_, done, ok := m.use(chunkNamed(t, "aaaaaaaa"), one)
		if !ok {
			t.Fatal("it is gone")
		}
		if done(); !large() || m.held != 10*maxHeld {
			t.Errorf("%d bytes are held", m.held)
		}
	})
}

// An interruption takes nothing with it.
func TestWhoWaitsCanGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		if !waiting(t.Context(), m, maxHeld, false)() {
			t.Fatal("it does not go")
		}
		ctx, stop := context.WithCancel(t.Context())
		gone := waiting(ctx, m, maxHeld, false)
		behind := waiting(t.Context(), m, 1, false)
		if stop(); gone() || behind() {
			t.Error("there was no room")
		}
		m.release(&reading{memory: m, weight: maxHeld})
		if !behind() || m.held != 1 {
			t.Errorf("%d bytes are held", m.held)
		}
	})
}

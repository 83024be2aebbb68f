package limits

import (
	"container/list"
	"sync"
	"time"
)

// Window starts with a client's first attempt (account-server.md 1.4).
const Window = 60 * time.Second

// maxWindows bounds the memory for clients, some 200 bytes each.
const maxWindows = 1 << 16

// Windows counts attempts for each kind of them and each client, in memory. Every attempt
// counts, but refused ones do not prolong a window. Where there are more clients than are
// remembered, those whose window ends first are forgotten: a newcomer is never kept out for
// what others did. It is safe for concurrent use.
type Windows struct {
	now func() time.Time

	mu    sync.Mutex
	byKey map[windowKey]*list.Element
	order list.List // of *window, which ends first stands first
}

type windowKey struct{ kind, client string }

type window struct {
	key  windowKey
	ends time.Time
	used int
}

// NewWindows makes one with a clock.
func NewWindows(now func() time.Time) *Windows {
	return &Windows{now: now, byKey: map[windowKey]*list.Element{}}
}

// Attempt counts one, and gives 0 if it is within the limit, else how long the client has to wait.
func (w *Windows) Attempt(kind, client string, limit int) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	for first := w.order.Front(); first != nil && !now.Before(windowIn(first).ends); first = w.order.Front() {
		w.drop(first)
	}
	key := windowKey{kind, client}
	at, known := w.byKey[key]
	if !known {
		if len(w.byKey) >= maxWindows {
			w.drop(w.order.Front())
		}
		at = w.order.PushBack(&window{key: key, ends: now.Add(Window)})
		w.byKey[key] = at
	}
	count := windowIn(at)
	if count.used >= limit {
		return count.ends.Sub(now)
	}
	count.used++
	return 0
}

func (w *Windows) drop(at *list.Element) {
	delete(w.byKey, windowIn(at).key)
	w.order.Remove(at)
}

func windowIn(at *list.Element) *window {
	w, _ := at.Value.(*window) // nothing else is put there
	return w
}

package storetest

import (
	"io"
	"runtime"
)

// measured looks at the heap now and then while it is read.
type measured struct {
	io.Reader
	base, most int64
	until      int // bytes to the next look
}

// Read implements io.Reader.
func (m *measured) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	if m.until -= n; m.until < 0 {
		m.until = 4 << 20
		m.most = max(m.most, liveHeap()-m.base)
	}
	return n, err
}

// liveHeap is how much is in use.
func liveHeap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

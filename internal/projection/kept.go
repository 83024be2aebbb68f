package projection

import (
	"slices"
	"sync"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// maxKept is how many bytes of parts are kept until somebody opens them. Those of
// the chunk that was made last are kept in any case.
const maxKept = 48 << 20

// kept are the texts of parts that have been made and not yet opened, so that a
// chunk need not be made again for each of its parts. It is safe for concurrent use.
type kept struct {
	mu    sync.Mutex
	order []engram.ChunkID // of the chunks, the oldest first
	texts map[engram.ChunkID]map[engram.ChunkID][]byte
	size  int
}

// put keeps what a chunk has become.
func (k *kept) put(local engram.ChunkID, parts []Part) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop(local)
	texts := make(map[engram.ChunkID][]byte, len(parts))
	for _, p := range parts {
		texts[p.ID] = p.text
		k.size += len(p.text)
	}
	if k.texts == nil {
		k.texts = map[engram.ChunkID]map[engram.ChunkID][]byte{}
	}
	k.texts[local], k.order = texts, append(k.order, local)
	for k.size > maxKept && len(k.order) > 1 {
		k.drop(k.order[0])
	}
}

// take gives the text of a part, and keeps it no longer.
func (k *kept) take(local, part engram.ChunkID) (text []byte, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	text, ok = k.texts[local][part]
	delete(k.texts[local], part)
	k.size -= len(text)
	if ok && len(k.texts[local]) == 0 {
		k.drop(local)
	}
	return text, ok
}

// drop forgets a chunk. The caller holds the lock.
func (k *kept) drop(local engram.ChunkID) {
	for _, text := range k.texts[local] {
		k.size -= len(text)
	}
	delete(k.texts, local)
	k.order = slices.DeleteFunc(k.order, func(id engram.ChunkID) bool { return id == local })
}

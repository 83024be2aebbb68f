package verification

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/readers"
	"github.com/engram-sync/engram-sync/internal/syncer"
)

// Memory keeps what was read out of good chunk files, for as long as nobody touches
// them. All but Keep is called concurrently.
type Memory interface {
	// Key is that of the facts: see readers.Key.
	Key() readers.Key
	// Stamp is a text that is another one once the file of a chunk was written or replaced;
	// "" where that cannot be told, as of a file that changed only just now.
	Stamp(id engram.ChunkID) string
	// Recall gives the facts that were kept of a chunk with a stamp.
	Recall(id engram.ChunkID, stamp string) (facts []byte, ok bool)
	// Keep puts these facts in the place of all that was kept.
	Keep(chunks map[engram.ChunkID]Kept)
}

// Kept are the facts of a file that had a stamp.
type Kept struct {
	Stamp string
	Facts []byte
}

// FactsVersion is another one once facts are written otherwise, or other chunks are good.
var FactsVersion = fmt.Sprintf("1.%d", readers.FactsVersion)

// read is what a verification knows of a chunk once it has read it.
type read struct {
	*readers.Chunk
	first [32]byte // mend.FirstMemory of the first memory
	size  int64    // uncompressed

	stamp string
	facts []byte // nil as long as it was not remembered
}

// newKey is for what is not kept.
func newKey() (key readers.Key) {
	_, _ = rand.Read(key[:]) // it never fails
	return key
}

// recall is read for a chunk whose file is the same as when it was good. The stamp is
// taken before the file is opened, and again when it has been read: what was written
// meanwhile is not known.
func (v *verifier) recall(local syncer.Local, id engram.ChunkID) (read, error) {
	memory := v.opts.Memory
	if memory == nil {
		return v.read(local, id)
	}
	stamp := memory.Stamp(id)
	if stamp == "" {
		return v.read(local, id)
	}
	if facts, ok := memory.Recall(id, stamp); ok {
		if r, err := parseRead(v.key, facts); err == nil {
			r.stamp = stamp
			v.mu.Lock()
			defer v.mu.Unlock()
			v.chunks[id] = r.Chunk
			v.good[id] = r
			v.report.Remembered++
			return r, nil
		}
	}
	r, err := v.read(local, id)
	if err == nil && memory.Stamp(id) == stamp {
		r.stamp = stamp
		v.mu.Lock()
		defer v.mu.Unlock()
		v.good[id] = r
	}
	return r, err
}

// remember keeps the facts of the chunks about which there is nothing to tell.
func (v *verifier) remember() {
	if v.opts.Memory == nil {
		return
	}
	told := map[string]bool{}
	for _, f := range v.report.Findings {
		told[f.ID] = true
	}
	kept := map[engram.ChunkID]Kept{}
	for id, r := range v.good {
		facts, ok := r.facts, r.facts != nil
		if !ok {
			facts, ok = r.encode()
		}
		if ok && !told[id.String()] {
			kept[id] = Kept{r.stamp, facts}
		}
	}
	v.opts.Memory.Keep(kept)
}

// encode writes what parseRead reads.
func (r read) encode() ([]byte, bool) {
	out := binary.BigEndian.AppendUint64(nil, uint64(r.size))
	return r.AppendFacts(append(out, r.first[:]...))
}

func parseRead(key readers.Key, facts []byte) (r read, err error) {
	if len(facts) < 8+len(r.first) {
		return r, fmt.Errorf("facts of %d bytes", len(facts))
	}
	r.size, r.facts = int64(binary.BigEndian.Uint64(facts)), facts
	n := 8 + copy(r.first[:], facts[8:])
	r.Chunk, err = readers.ParseFacts(key, facts[n:])
	return r, err
}

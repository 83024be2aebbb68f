package verification

import (
	"encoding/binary"
	"errors"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/readers"
)

// Memory keeps from run to run what was read out of chunk files that were good. It is used
// concurrently, but for End.
type Memory interface {
	// Secret is what texts are hashed with: with another one nothing is recalled.
	Secret() [32]byte
	// Stamp tells a file from what was in its place before; "" where nothing tells that.
	Stamp(id engram.ChunkID) string
	// Recall gives what Keep was given for a file, if its stamp is still the same.
	Recall(id engram.ChunkID, stamp string) ([]byte, bool)
	Keep(id engram.ChunkID, stamp string, what []byte)
	// Forget has a file read again that is not as it was kept.
	Forget(id engram.ChunkID)
	// End says that all was kept, and which chunk files there are.
	End(there []engram.ChunkID)
}

func keyOf(m Memory) readers.Key {
	if m == nil {
		return readers.NewKey()
	}
	return readers.KeyOf(m.Secret())
}

// reading is what a verification reads out of a chunk file.
type reading struct {
	chunk *readers.Chunk
	size  int64 // uncompressed
}

func (r reading) appendTo(b []byte) []byte {
	return r.chunk.AppendTo(binary.AppendUvarint(b, uint64(r.size)))
}

func recallReading(kept []byte, key readers.Key) (reading, error) {
	size, n := binary.Uvarint(kept)
	if n <= 0 {
		return reading{}, errors.New("not what was kept")
	}
	chunk, err := readers.RecallChunk(kept[n:], key)
	return reading{chunk, int64(size)}, err
}

// recall gives what is kept of a chunk file, if that will do, and the stamp of the file
// before it is read.
func (v *verifier) recall(id engram.ChunkID) (r reading, stamp string, ok bool) {
	if v.opts.Memory == nil {
		return r, "", false
	}
	stamp = v.opts.Memory.Stamp(id)
	if stamp == "" || v.opts.Full || len(v.opts.Only) > 0 {
		return r, stamp, false
	}
	kept, ok := v.opts.Memory.Recall(id, stamp)
	if !ok {
		return r, stamp, false
	}
	r, err := recallReading(kept, v.key)
	return r, stamp, err == nil
}

// keep keeps what was read of a chunk file that had a stamp before, unless the file is bad
// or was changed meanwhile.
func (v *verifier) keep(id engram.ChunkID, r reading, stamp string, bad error) {
	switch m := v.opts.Memory; {
	case m == nil:
	case bad == nil && stamp != "" && m.Stamp(id) == stamp:
		m.Keep(id, stamp, r.appendTo(nil))
	default:
		m.Forget(id)
	}
}

package state

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// indexHeader stands first in an index. It changes with what a version is.
const indexHeader = "engram-sync index 1\n"

// encodeIndex writes chunks in the order of their ids: for each the id, the
// length of its stamp, the stamp, the number of versions, the versions.
func encodeIndex(chunks map[engram.ChunkID]indexedChunk) ([]byte, error) {
	out := []byte(indexHeader)
	ids := slices.SortedFunc(maps.Keys(chunks), engram.ChunkID.Compare)
	for _, id := range ids {
		chunk := chunks[id]
		stamp := chunk.stamp[:min(len(chunk.stamp), 255)]
		out = append(out, id.String()...)
		out = append(append(out, byte(len(stamp))), stamp...)
		out = binary.BigEndian.AppendUint32(out, uint32(len(chunk.versions)))
		var err error
		if out, err = binary.Append(out, binary.BigEndian, chunk.versions); err != nil {
			return nil, fmt.Errorf("encode the index of chunks: %w", err)
		}
	}
	return out, nil
}

// decodeIndex is never nil. Text that ends too early, or is another release's,
// gives an empty index.
func decodeIndex(text []byte) map[engram.ChunkID]indexedChunk {
	chunks := map[engram.ChunkID]indexedChunk{}
	in, ok := bytes.CutPrefix(text, []byte(indexHeader))
	for ok && len(in) > 0 {
		var id engram.ChunkID
		var chunk indexedChunk
		if id, chunk, in, ok = decodeChunk(in); ok {
			chunks[id] = chunk
		}
	}
	if !ok {
		return map[engram.ChunkID]indexedChunk{}
	}
	return chunks
}

func decodeChunk(in []byte) (id engram.ChunkID, chunk indexedChunk, rest []byte, ok bool) {
	const idLen = 8
	if len(in) <= idLen {
		return id, chunk, nil, false
	}
	id, err := engram.ParseChunkID(string(in[:idLen]))
	stampLen, in := int(in[idLen]), in[idLen+1:]
	if err != nil || len(in) < stampLen+4 {
		return id, chunk, nil, false
	}
	chunk.stamp = string(in[:stampLen])
	n, in := int(binary.BigEndian.Uint32(in[stampLen:])), in[stampLen+4:]
	size := binary.Size(engram.RowVersion{})
	if n > len(in)/size {
		return id, chunk, nil, false
	}
	chunk.versions = make([]engram.RowVersion, n)
	used, err := binary.Decode(in, binary.BigEndian, chunk.versions)
	return id, chunk, in[used:], err == nil
}

package memoryindex

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
)

// Memory is a memory, or another row, with its history, the newest version first, as JSON output has it.
type Memory struct {
	Kind     string       `json:"kind"`
	ID       string       `json:"id"`
	Deleted  bool         `json:"deleted"`
	Newest   *history.Row `json:"newest"` // null where no chunk has a text any more
	Chunk    string       `json:"chunk"`  // that has it
	Versions []Version    `json:"versions"`
	Older    int          `json:"older"` // versions that are not listed
}

// Version is what one chunk says of a memory.
type Version struct {
	Chunk     string        `json:"chunk"`
	CreatedBy string        `json:"created_by"`
	CreatedAt string        `json:"created_at"`
	Listed    bool          `json:"listed"`
	State     history.State `json:"state"`
	Changes   []string      `json:"changes"`
	Row       *history.Row  `json:"row"`
}

// Most bounds what is read of memories.
type Most struct {
	Versions int // of each
	Bytes    int // of all their texts; 0: any number
}

// ErrLarge says that the texts of memories are larger than they may be.
var ErrLarge = errors.New("its versions have more text than can be shown at once")

// ReadMemories reads what has an identity out of its chunks: of each kind that has it the newest versions. places are those that Index.Versions gives.
func ReadMemories(ctx context.Context, src Source, places []Placed, most Most) (memories []Memory, err error) {
	left := cmp.Or(most.Bytes, math.MaxInt)
	for len(places) > 0 {
		n := 1
		for n < len(places) && places[n].Kind == places[0].Kind {
			n++
		}
		m, err := readMemory(ctx, src, places[:n], most.Versions, &left)
		if err != nil {
			return nil, err
		}
		memories, places = append(memories, m), places[n:]
	}
	return memories, nil
}

// readMemory reads the versions of one identity. left is how many bytes more may be read.
func readMemory(ctx context.Context, src Source, places []Placed, most int, left *int) (m Memory, err error) {
	m = Memory{Kind: places[0].Kind, ID: places[0].Identity.ID, Versions: []Version{}}
	slices.SortFunc(places, func(a, b Placed) int { return a.Version.Compare(b.Version) })
	m.Older = max(0, len(places)-most)
	var versions []history.Version
	var before *history.Row
	read := map[engram.ChunkID][]*history.Row{}
	for i, p := range places {
		versions = append(versions, p.Version)
		if i < m.Older-1 { // what the oldest one that is listed changed shows beside the one before it
			continue
		}
		id := p.ChunkEntry.ID
		if _, known := read[id]; !known {
			had := *left
			err := src.Read(ctx, id, func(c *engram.Chunk) error {
				read[id], *left = nil, had // a source may begin again
				rows, err := history.ReadChunk(c)
				for _, row := range rows {
					if row.Of() == p.Identity {
						if *left -= row.Bytes(); *left < 0 {
							return ErrLarge
						}
						read[id] = append(read[id], &row) // of its own, or all rows of the chunk would stay in memory
					}
				}
				return err
			})
			if err != nil {
				return m, err
			}
		}
		if len(read[id]) == 0 {
			return m, fmt.Errorf("chunk %s has changed meanwhile: run the same command again", id)
		}
		row := read[id][0]
		read[id] = slices.Concat(read[id][1:], read[id][:1]) // the next one of the same chunk
		if i >= m.Older {
			m.Versions = append(m.Versions, Version{
				Chunk: id.String(), CreatedBy: p.CreatedBy, CreatedAt: p.CreatedAt, Listed: p.Listed, State: row.State, Changes: history.Changes(before, row), Row: row,
			})
		}
		if row.State != history.Removed || before == nil {
			before = row
		}
	}
	at, gone := history.Newest(versions)
	m.Deleted = gone
	if at >= m.Older {
		v := m.Versions[at-m.Older]
		m.Newest, m.Chunk = v.Row, v.Chunk
	}
	slices.Reverse(m.Versions)
	return m, nil
}

package look

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/safetext"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// versionsShown is how many versions of a memory are read, the newest of all.
const versionsShown = 100

// memory adds what has an identity that chunks know.
func (s *show) memory(ctx context.Context, doc *showDocument, id string) error {
	return s.within(ctx, func(x index) error {
		places, err := x.Versions(ctx, id)
		if err != nil {
			return err
		}
		if len(places) == 0 {
			like, err := x.Like(ctx, id)
			if err != nil {
				return err
			}
			if len(like) != 1 {
				return unknown(id, like)
			}
			if places, err = x.Versions(ctx, like[0]); err != nil {
				return err
			}
		}
		doc.fails = append(doc.fails, x.failed...)
		for len(places) > 0 {
			n := 1
			for n < len(places) && places[n].Kind == places[0].Kind {
				n++
			}
			m, err := readMemory(ctx, x.src, places[:n])
			if err != nil {
				return err
			}
			doc.Memories = append(doc.Memories, m)
			doc.order = append(doc.order, m.write)
			places = places[n:]
		}
		return nil
	})
}

// unknown says that nothing has a name, and what has one like it.
func unknown(name string, like []string) error {
	if len(like) == 0 {
		return terminal.Usagef("%.60q is no chunk, no file and no id of a memory in a chunk: `engram-sync log` lists the chunks, `engram-sync search` finds memories", name)
	}
	for i := range like {
		like[i] = safetext.Line(like[i], 60)
	}
	return terminal.Usagef("%.60q is the beginning of several ids: %s", name, strings.Join(like, ", "))
}

// shownMemory is a memory with its history, the newest version first.
type shownMemory struct {
	Kind     string         `json:"kind"`
	ID       string         `json:"id"`
	Deleted  bool           `json:"deleted"`
	Newest   *history.Row   `json:"newest"` // null where no chunk has a text any more
	Chunk    string         `json:"chunk"`  // that has it
	Versions []shownVersion `json:"versions"`
	Older    int            `json:"older"` // versions that are not listed
}

// shownVersion is what one chunk says of a memory.
type shownVersion struct {
	Chunk     string        `json:"chunk"`
	CreatedBy string        `json:"created_by"`
	CreatedAt string        `json:"created_at"`
	Listed    bool          `json:"listed"`
	State     history.State `json:"state"`
	Changes   []string      `json:"changes"`
	Row       *history.Row  `json:"row"`
}

// readMemory reads the versions of one identity out of their chunks.
func readMemory(ctx context.Context, src memoryindex.Source, places []memoryindex.Placed) (m shownMemory, err error) {
	m = shownMemory{Kind: places[0].Kind, ID: places[0].Identity.ID, Versions: []shownVersion{}}
	slices.SortFunc(places, func(a, b memoryindex.Placed) int { return a.Version.Compare(b.Version) })
	m.Older = max(0, len(places)-versionsShown)
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
			err := src.Read(ctx, id, func(c *engram.Chunk) error {
				rows, err := history.ReadChunk(c)
				for i := range rows {
					if rows[i].Of() == p.Identity {
						read[id] = append(read[id], &rows[i])
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
			m.Versions = append(m.Versions, shownVersion{
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

// write shows the newest text, and behind it who changed what.
func (m shownMemory) write(s *sheet) {
	if m.Newest != nil {
		row := *m.Newest
		if m.Deleted {
			row.State = history.Deleted
		}
		s.row(&row)
	} else {
		s.line("  ", heading(m.Kind, "", m.ID, history.Removed))
		s.line()
	}
	s.line(safetext.Styled(safetext.Bold, "History"))
	for _, v := range m.Versions {
		e := engram.ChunkEntry{CreatedBy: v.CreatedBy, CreatedAt: v.CreatedAt}
		changes := strings.Join(v.Changes, ", ")
		if v.Row != nil && v.Changes[0] != "new" && v.Changes[0] != "unchanged" && v.State == history.Kept {
			changes = "changed " + changes
		}
		s.line("    ", safetext.Styled(safetext.Accent, v.Chunk), "  ", written(e, v.Listed), ": ", changes)
	}
	if m.Older > 0 {
		s.line("    ", terminal.Count(m.Older, "older version"), " not listed")
	}
}

package look

import (
	"context"
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
		memories, err := memoryindex.ReadMemories(ctx, x.src, places, memoryindex.Most{Versions: versionsShown})
		for _, m := range memories {
			shown := shownMemory{Memory: m}
			if m.Newest != nil && err == nil {
				shown.titles, err = x.Titles(ctx, history.Ends([]history.Row{*m.Newest}))
			}
			doc.Memories = append(doc.Memories, shown)
			doc.order = append(doc.order, shown.write)
		}
		return err
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

// shownMemory is a memory as show shows it.
type shownMemory struct {
	memoryindex.Memory

	titles map[string]string // of what it relates
}

// write shows the newest text, and behind it who changed what.
func (m shownMemory) write(s *sheet) {
	if m.Newest != nil {
		row := *m.Newest
		if m.Deleted {
			row.State = history.Deleted
		}
		s.titles = m.titles
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
		s.line("    ", safetext.Styled(safetext.Accent, v.Chunk), "  ", written(e, 0, v.Listed), ": ", changes)
	}
	if m.Older > 0 {
		s.line("    ", terminal.Count(m.Older, "older version"), " not listed")
	}
}

package mutations

import (
	"context"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/journal/source"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// noteUnjournaled says that a journal has nothing of what the database holds: engram 2.x
// notes only changes of projects that are enrolled with it. Source: engram-2.md 3, 7 (rule 27).
func (m *push) noteUnjournaled(ctx context.Context, src source.Source, project string) (int64, error) {
	db := databaseOf(src)
	if db == nil {
		return 0, nil
	}
	if p, ok := src.(*source.Project); ok && p.Ours > 0 || !ok && !db.Empty() {
		return 0, nil
	}
	rows, err := db.Memories(ctx, func(own string) bool { return project == "" || engram.ProjectKey(own) == engram.ProjectKey(project) })
	if err != nil || rows == 0 {
		return 0, err
	}
	of := ""
	if project != "" {
		of = " of project " + project
	}
	m.term.Note("engram's journal has nothing%s, though its database has %s: engram 2.x notes only changes of projects that are enrolled. "+
		"What `engram-sync export` finds, `engram-sync push` sends", of, terminal.Count(int(rows), "row"))
	return rows, nil
}

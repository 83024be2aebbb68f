package memories

import (
	"cmp"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/selection"
)

// Choice is what of a project does not go into chunks, since somebody does not want it there. What is left out is
// counted, and what chunks have already stays as it is. The zero value leaves nothing out.
type Choice struct {
	// NoPrompts leaves prompts out.
	NoPrompts bool
	// NoDirectories writes the project's name in the place of a session's directory.
	NoDirectories bool
	// Wants are the rows that go, by when they were last changed. That something which a chunk has was deleted is told
	// all the same, and a session goes with what goes of it.
	Wants selection.Filter
}

// excludes says whether a memory is left out.
func (c Choice) excludes(o engram.Observation, project string, inChunks bool) bool {
	told := inChunks && engram.Text(o.DeletedAt) != ""
	return !told && c.excludesRow(project, o.Type, cmp.Or(o.UpdatedAt, o.CreatedAt))
}

// excludesRow says whether a row is left out. A type that is blank is one, too: it is all that the row has to tell.
func (c Choice) excludesRow(project, kind, at string) bool {
	if c.Wants.IsZero() {
		return false // as for most, who have many rows
	}
	row := selection.Row(project, kind, at)
	row.Types, row.NoType = []string{selection.Type(kind)}, false
	return !c.Wants.Wants(row)
}

// placed is a session with the directory that is written. One that has none gets none: it is told apart.
func (c Choice) placed(s engram.Session) engram.Session {
	if c.NoDirectories && strings.TrimSpace(s.Directory) != "" && s.Project != "" {
		s.Directory = s.Project
	}
	return s
}

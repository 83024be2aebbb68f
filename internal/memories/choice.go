package memories

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
)

// Choice is what of a project does not go into chunks, since somebody does not want it there. What is left out is
// counted, and what chunks have already stays as it is. The zero value leaves nothing out.
type Choice struct {
	// NoPrompts leaves prompts out.
	NoPrompts bool
	// NoDirectories writes the project's name in the place of a session's directory.
	NoDirectories bool
	// Types, if there are any, are those of the memories that go, in small letters.
	Types []string
	// Since leaves out what was last changed before; zero is no bound.
	Since time.Time
}

// excludes says whether a memory is left out. That one which a chunk has was deleted is told all the same.
func (c Choice) excludes(o engram.Observation, inChunks bool) bool {
	if inChunks && engram.Text(o.DeletedAt) != "" {
		return false
	}
	return len(c.Types) > 0 && !slices.Contains(c.Types, strings.ToLower(o.Type)) || c.before(cmp.Or(o.UpdatedAt, o.CreatedAt))
}

// before says whether a time is before the bound. One that cannot be read is not.
func (c Choice) before(text string) bool {
	at := engram.Instant(text)
	return !c.Since.IsZero() && at != 0 && time.Unix(0, at).Before(c.Since)
}

// placed is a session with the directory that is written. One that has none gets none: it is told apart.
func (c Choice) placed(s engram.Session) engram.Session {
	if c.NoDirectories && strings.TrimSpace(s.Directory) != "" && s.Project != "" {
		s.Directory = s.Project
	}
	return s
}

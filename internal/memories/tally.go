package memories

import "github.com/engram-sync/engram-sync/internal/engram"

// Tally counts what is in no chunk, and how much is in chunks.
type Tally struct {
	Memories    int `json:"memories"`     // observations that no chunk knows
	Edits       int `json:"edits"`        // observations that chunks know otherwise
	Deletes     int `json:"deletes"`      // soft-deleted observations
	HardDeletes int `json:"hard_deletes"` // observations that chunks still have, and the database no more

	Prompts        int `json:"prompts"`
	PromptDeletes  int `json:"prompt_deletes"`
	Sessions       int `json:"sessions"`
	SessionDeletes int `json:"session_deletes"`
	Relations      int `json:"relations"`

	StayHome
	// Unnamed rows have no sync_id, so nobody can tell whether a chunk holds
	// them. engram gives them one whenever it opens its database.
	Unnamed int `json:"unnamed"`
	// InChunks are the rows that chunks hold, personal ones only if they were asked for.
	InChunks int `json:"in_chunks"`
}

// StayHome counts what is in no chunk and is not written either, by the reason.
type StayHome struct {
	// Personal observations are counted above if they were asked for.
	Personal int `json:"personal"`
	// Global observations belong to no project, and are exported with all of them.
	Global int `json:"global"`
	// Orphaned relations have lost an end for good.
	Orphaned int `json:"orphaned_relations"`
	// MissingEnds are relations with an end that is in no chunk, or of another project.
	MissingEnds int `json:"missing_ends"`
	// Waiting are deleted sessions of which the chunks have more than was deleted here.
	Waiting int `json:"waiting"`
	// Superseded are changes that are older than what chunks say, and in none.
	Superseded int `json:"superseded"`
	// NoDirectory are ends of sessions that have a directory in the chunks, which could
	// not be read again, and none here.
	NoDirectory int `json:"no_directory"`
	// OddTimes are changes, of what chunks have otherwise, at a time that has not come
	// yet or cannot be read: they would win against those of everybody else.
	OddTimes int `json:"odd_times"`
	// NoProject are deletions that name no project, of rows whose project nobody knows.
	NoProject int `json:"no_project"`
	// Excluded are rows that the user does not want in chunks: see Choice.
	Excluded int `json:"excluded"`
	// TakenOut are rows as they were before somebody edited the chunk that has them, or with a text that was
	// taken out of it.
	TakenOut int `json:"taken_out"`
}

// Rows is how many rows an export would write.
func (t Tally) Rows() int {
	return t.Memories + t.Edits + t.Deletes + t.HardDeletes + t.Prompts + t.PromptDeletes + t.Sessions + t.SessionDeletes + t.Relations
}

// With is the sum of both.
func (t Tally) With(other Tally) Tally {
	return Tally{
		Memories: t.Memories + other.Memories, Edits: t.Edits + other.Edits, Deletes: t.Deletes + other.Deletes,
		HardDeletes: t.HardDeletes + other.HardDeletes, Prompts: t.Prompts + other.Prompts,
		PromptDeletes: t.PromptDeletes + other.PromptDeletes, Sessions: t.Sessions + other.Sessions,
		SessionDeletes: t.SessionDeletes + other.SessionDeletes, Relations: t.Relations + other.Relations,
		StayHome: t.plus(other.StayHome),
		Unnamed:  t.Unnamed + other.Unnamed, InChunks: t.InChunks + other.InChunks,
	}
}

func (h StayHome) plus(other StayHome) StayHome {
	return StayHome{
		Personal: h.Personal + other.Personal, Global: h.Global + other.Global, Orphaned: h.Orphaned + other.Orphaned,
		MissingEnds: h.MissingEnds + other.MissingEnds, Waiting: h.Waiting + other.Waiting,
		Superseded: h.Superseded + other.Superseded, NoDirectory: h.NoDirectory + other.NoDirectory,
		OddTimes: h.OddTimes + other.OddTimes, NoProject: h.NoProject + other.NoProject,
		Excluded: h.Excluded + other.Excluded, TakenOut: h.TakenOut + other.TakenOut,
	}
}

// Tallies are tallies by normalized project.
type Tallies map[string]Tally

// Total is the sum.
func (t Tallies) Total() Tally {
	var total Tally
	for _, tally := range t {
		total = total.With(tally)
	}
	return total
}

func (t Tallies) add(project string, tally Tally) { t[project] = t[project].With(tally) }

func (t Tallies) stays(project string, why StayHome) { t.add(project, Tally{StayHome: why}) }

func (r *Row) tally() Tally {
	gone := r.Reason == Removed
	switch r.Kind {
	case engram.SessionRow:
		if gone {
			return Tally{SessionDeletes: 1}
		}
		return Tally{Sessions: 1}
	case engram.PromptRow:
		if gone {
			return Tally{PromptDeletes: 1}
		}
		return Tally{Prompts: 1}
	case engram.RelationRow:
		return Tally{Relations: 1}
	}
	switch r.Reason {
	case Removed:
		return Tally{HardDeletes: 1}
	case Deleted:
		return Tally{Deletes: 1}
	case Edited, Conflict:
		return Tally{Edits: 1}
	}
	return Tally{Memories: 1}
}

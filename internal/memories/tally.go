package memories

import "github.com/engram-sync/engram-sync/internal/engram"

// Tally counts what is in no chunk, and how much is in chunks.
type Tally struct {
	Memories int `json:"memories"` // observations that no chunk knows
	Edits    int `json:"edits"`    // observations that chunks know otherwise
	Deletes  int `json:"deletes"`  // soft-deleted observations
	Prompts  int `json:"prompts"`
	Sessions int `json:"sessions"`
	// Personal observations are not counted above, unless they were asked for.
	Personal int `json:"personal"`
	// Unnamed rows have no sync_id, so nobody can tell whether a chunk holds
	// them. engram gives them one whenever it opens its database.
	Unnamed int `json:"unnamed"`
	// InChunks are the rows that chunks hold, personal ones only if they were asked for.
	InChunks int `json:"in_chunks"`
}

// Rows is how many rows an export would write.
func (t Tally) Rows() int { return t.Memories + t.Edits + t.Deletes + t.Prompts + t.Sessions }

func (t Tally) plus(other Tally) Tally {
	return Tally{
		Memories: t.Memories + other.Memories, Edits: t.Edits + other.Edits, Deletes: t.Deletes + other.Deletes,
		Prompts: t.Prompts + other.Prompts, Sessions: t.Sessions + other.Sessions,
		Personal: t.Personal + other.Personal, Unnamed: t.Unnamed + other.Unnamed,
		InChunks: t.InChunks + other.InChunks,
	}
}

// Tallies are tallies by normalized project.
type Tallies map[string]Tally

// Total is the sum.
func (t Tallies) Total() Tally {
	var total Tally
	for _, tally := range t {
		total = total.plus(tally)
	}
	return total
}

func (t Tallies) add(project string, tally Tally) { t[project] = t[project].plus(tally) }

func (r Row) tally() Tally {
	switch {
	case r.Kind == engram.SessionRow:
		return Tally{Sessions: 1}
	case r.Kind == engram.PromptRow:
		return Tally{Prompts: 1}
	case r.Reason == Deleted:
		return Tally{Deletes: 1}
	case r.Reason == Edited, r.Reason == Conflict:
		return Tally{Edits: 1}
	}
	return Tally{Memories: 1}
}

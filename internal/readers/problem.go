package readers

import (
	"maps"
	"slices"
	"strings"
)

// Effect is what a reader does. Each has a name for scripts.
type Effect string

// The effects, the worst first.
const (
	Refuses  Effect = "refuses"  // the whole import
	Stalls   Effect = "stalls"   // the chunk, and whatever needs it, now and later
	Skips    Effect = "skips"    // the chunk, in silence
	Loses    Effect = "loses"    // a memory that its writer kept
	Drops    Effect = "drops"    // the row, in silence
	Returns  Effect = "returns"  // what was deleted comes back
	Replaces Effect = "replaces" // something newer
	Erases   Effect = "erases"   // a directory that was known
	Aside    Effect = "aside"    // the relation, until it fits
	Applies  Effect = "applies"  // what its writer had put aside
	Invents  Effect = "invents"  // a session that is nowhere
	Merges   Effect = "merges"   // rows without a name
)

var does = map[Effect]string{
	Refuses:  "refuse the whole import",
	Stalls:   "stop at it on every import, and take nothing of this chunk",
	Skips:    "pass over it in silence",
	Loses:    "lose it",
	Drops:    "drop it in silence",
	Returns:  "bring back what was deleted",
	Replaces: "put it over the newer one",
	Erases:   "forget the directory that they knew",
	Aside:    "set the relation aside",
	Applies:  "apply it all the same",
	Invents:  "invent the session",
	Merges:   "take all of these for one",
}

// String says it for all generations, those with the same effect together.
func (e Effects) String() string {
	by := map[Effect][]string{}
	var order []Effect
	for _, g := range slices.Sorted(maps.Keys(e)) {
		if len(by[e[g]]) == 0 {
			order = append(order, e[g])
		}
		by[e[g]] = append(by[e[g]], g.String())
	}
	var parts []string
	for _, effect := range order {
		names := by[effect]
		last := len(names) - 1
		who := strings.Join(names[:last], ", ")
		if who != "" {
			who += " and "
		}
		parts = append(parts, who+names[last]+" would "+does[effect])
	}
	return strings.Join(parts, "; ")
}

// Problem is why readers do what was not meant. Each has a name for scripts.
type Problem string

// The problems. Source: engram-2.md 2.3, 7, 10.
const (
	None           Problem = ""
	LowVersion     Problem = "low_version"
	Owned          Problem = "owned_below_version_2"
	MissingChunk   Problem = "missing_chunk"
	BrokenChunk    Problem = "broken_chunk"
	WrongType      Problem = "wrong_type"
	BlankDirectory Problem = "blank_directory"
	Ownership      Problem = "unknown_ownership"
	Undecodable    Problem = "undecodable"
	OtherKey       Problem = "other_key"
	LoneSession    Problem = "lone_session"
	NoSession      Problem = "no_session"
	NoEnd          Problem = "no_end"
	EndTooLate     Problem = "end_too_late"
	ForeignEnd     Problem = "foreign_end"
	Waits          Problem = "waits"
	RelationDelete Problem = "relation_delete"
	Deleted        Problem = "deleted"
	OlderDelete    Problem = "older_delete"
	Older          Problem = "older"
	Erased         Problem = "directory_erased"
	InUse          Problem = "session_in_use"
	Gone           Problem = "session_gone"
	PutAside       Problem = "put_aside"
	SaysDeleted    Problem = "says_deleted"
	NoReviewTime   Problem = "no_review_time"
	InboxTwice     Problem = "inbox_twice"
	Nameless       Problem = "nameless"
)

// Text says what is wrong, after the name of a row; Remedy what can be done about it.
func (p Problem) Text() string   { return problems[p][0] }
func (p Problem) Remedy() string { return problems[p][1] }

const (
	byHand   = "correct it in the chunk's file, and run `engram-sync verify --repair --re-identify`"
	reexport = "`engram-sync export` where the memory is writes it again"
)

var problems = map[Problem][2]string{
	LowVersion:     {"its version is below 2, where a reader has a session that belongs to its project, as `engram save` makes one", "`engram-sync verify --repair --for 2.x` raises it"},
	Owned:          {"belongs to its project, and the manifest's version is below 2", "`engram-sync verify --repair` raises it"},
	MissingChunk:   {"its file is missing", "bring the file back, or take the entry out with `engram-sync verify --repair --forget-missing`"},
	BrokenChunk:    {"it cannot be read", "bring a good file, or take the file and its entry out"},
	WrongType:      {"is of another type than engram writes", byHand},
	BlankDirectory: {"is blank", "write one into the chunk's file, and run `engram-sync verify --repair --re-identify`"},
	Ownership:      {"is neither shared nor project_owned", byHand},
	Undecodable:    {"cannot be read as a change of engram's", byHand},
	OtherKey:       {"differs from the id in the payload", byHand},
	LoneSession:    {"is a session that nothing in this chunk needs, beside mutations", byHand},
	NoSession:      {"names a session that no chunk holds", "`engram-sync export` where the session is writes it"},
	NoEnd:          {"names a memory that no chunk holds", reexport},
	EndTooLate:     {"names a memory that comes behind it, in the same chunk", byHand},
	ForeignEnd:     {"names a memory of another project than the relation's", byHand},
	Waits:          {"needs what stands in a chunk that cannot be imported", "repair that chunk first"},
	RelationDelete: {"deletes a relation, which no release takes from a chunk", byHand},
	Deleted:        {"was deleted, and stands here without being newer than that", "`engram-sync export` where it was deleted says so again"},
	OlderDelete:    {"is a deletion that is older than what it deletes", "`engram-sync export` where the memory is writes it again"},
	Older:          {"is older than what another chunk says of the same memory", "`engram-sync export` where the newer one is writes it again"},
	Erased:         {"is blank, and an earlier chunk knows it", byHand},
	InUse:          {"deletes a session that still has observations, be they deleted ones", "delete those for good, then run `engram-sync export`"},
	Gone:           {"names a session that was deleted, and not made again since", "start the session anew, later than its deletion"},
	PutAside:       {"says that its writer had put it aside", byHand},
	SaysDeleted:    {"says that it is deleted, and is no deletion", "delete it where it is, then run `engram-sync export`"},
	NoReviewTime:   {"has no time to derive its review from", byHand},
	InboxTwice:     {"names a place in the inbox that another prompt of its session has", byHand},
	Nameless:       {"is blank, as in other rows", "any command of engram's gives them names where they were written: run it, then `engram-sync export`"},
}

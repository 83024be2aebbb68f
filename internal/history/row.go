// Package history is what chunks say of memories, as people want to see it: the rows of one chunk in full, and of all the
// versions of a row which is the newest and what changed in each. It knows no disk; who shows memories calls it.
package history

import (
	"cmp"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/rowtime"
)

// State is what becomes of a row by what a chunk says.
type State string

// The states.
const (
	Kept    State = "kept"
	Deleted State = "deleted" // softly: its text is still there
	Removed State = "removed" // for good: a deletion alone, without a text
)

// Row is one row of a chunk, whether it stands in a list or in a mutation. Members that its kind does not have are
// empty. Texts and times are those of the chunk.
type Row struct {
	Kind string `json:"kind"` // session, observation, prompt, relation, or what a mutation calls it
	// ID is the sync_id, or the id of a session: the identity in all chunks.
	ID string `json:"id"`
	// Derived: the row has no identity, and ID follows from its text and its place.
	Derived   bool   `json:"derived,omitempty"`
	State     State  `json:"state"`
	Session   string `json:"session"`
	Project   string `json:"project"` // its own, or else that of its session in the same chunk
	Type      string `json:"type"`    // of an observation; of others their kind
	Title     string `json:"title"`
	Content   string `json:"content"` // of a session its summary, of a relation reason and evidence
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"` // of a session its end
	DeletedAt string `json:"deleted_at,omitempty"`
	Revision  int64  `json:"revision,omitempty"`

	Directory string `json:"directory,omitempty"`
	Scope     string `json:"scope,omitempty"`
	Topic     string `json:"topic_key,omitempty"`
	Tool      string `json:"tool_name,omitempty"`
	Review    string `json:"review_after,omitempty"`

	Source   string `json:"source_id,omitempty"`
	Target   string `json:"target_id,omitempty"`
	Relation string `json:"relation,omitempty"`
	Judgment string `json:"judgment_status,omitempty"`
	Actor    string `json:"marked_by,omitempty"`
}

// Of is the identity of the row.
func (r *Row) Of() Identity { return Identity{r.Kind, r.ID} }

// Identity tells rows apart in all chunks.
type Identity struct{ Kind, ID string }

// Moment is when the row became what it says, in nanoseconds since 1970; 0 where it does not say.
func (r *Row) Moment() int64 {
	switch r.State {
	case Removed:
		return rowtime.Instant(r.DeletedAt)
	case Deleted:
		return max(rowtime.Instant(r.DeletedAt), rowtime.Instant(r.UpdatedAt))
	}
	return cmp.Or(rowtime.Instant(r.UpdatedAt), rowtime.Instant(r.CreatedAt))
}

// Headline is the title of a row, or what stands for one: the first line of its text, else its identity.
func (r *Row) Headline() string { return Headline(r.Kind, r.ID, r.Title, r.Content) }

// Bytes is how large the texts of the row are.
func (r *Row) Bytes() (all int) {
	for _, text := range []string{
		r.Kind, r.ID, r.Session, r.Project, r.Type, r.Title, r.Content, r.CreatedAt, r.UpdatedAt, r.DeletedAt, r.Directory, r.Scope, r.Topic, r.Tool,
		r.Review, r.Source, r.Target, r.Relation, r.Judgment, r.Actor,
	} {
		all += len(text)
	}
	return all
}

// Headline is that of a row that has this kind, identity, title and text.
func Headline(kind, id, title, text string) string {
	if strings.TrimSpace(title) != "" {
		return title
	}
	if kind != "session" {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" {
				return line
			}
		}
	}
	return id
}

// Related is the title of a relation for people: with the titles of what it relates, where they are known, in place of the ids.
func Related(source, relation, target string, titles map[string]string) string {
	name := func(id string) string {
		if title := titles[id]; title != "" {
			return "“" + title + "”"
		}
		return id
	}
	return strings.TrimSpace(name(source) + " " + relation + " " + name(target))
}

// Ends are the ids of what relations among rows relate.
func Ends(rows []Row) (ids []string) {
	for i := range rows {
		if rows[i].Kind == "relation" {
			ids = append(ids, rows[i].Source, rows[i].Target)
		}
	}
	return ids
}

// Version is where and when one version of a row was said.
type Version struct {
	Moment int64 // of Row.Moment; where that is 0 that of the chunk's entry will do
	Place  int   // of its chunk in the manifest
	Order  int   // in its chunk
	State  State
}

// Compare orders the versions of one row by age. Times count in seconds, since many writers know nothing less; within
// one second the order of the manifest decides, in which importers go. Source: engram-2.md 7.20.
func (v Version) Compare(other Version) int {
	const second = 1e9
	return cmp.Or(cmp.Compare(v.Moment/second, other.Moment/second), cmp.Compare(v.Place, other.Place), cmp.Compare(v.Order, other.Order))
}

// Newest says of the versions of one row which one has its newest text, -1 if none has any, and whether the row is
// deleted by now.
func Newest(versions []Version) (at int, gone bool) {
	at, last := -1, -1
	for i, v := range versions {
		if last < 0 || v.Compare(versions[last]) > 0 {
			last = i
		}
		if v.State != Removed && (at < 0 || v.Compare(versions[at]) > 0) {
			at = i
		}
	}
	return at, last >= 0 && versions[last].State != Kept
}

// Changes are what a version changed of the one before it, in words: "new" where there is none.
func Changes(before, after *Row) []string {
	switch {
	case after.State == Removed:
		return []string{"deleted"}
	case before == nil && after.State == Deleted:
		return []string{"new", "deleted"}
	case before == nil:
		return []string{"new"}
	}
	var words []string
	switch {
	case after.State == Deleted && before.State == Kept:
		words = append(words, "deleted")
	case after.State == Kept && before.State != Kept:
		words = append(words, "restored")
	}
	if before.State == Removed {
		return words // which had no text to compare with
	}
	was, is := before.members(), after.members()
	for i, name := range memberNames {
		if was[i] != is[i] {
			words = append(words, name)
		}
	}
	if len(words) == 0 {
		return []string{"unchanged"}
	}
	return slices.Clip(words)
}

// memberNames are what versions of a row are compared by, beside their state, and what people call that.
var memberNames = [...]string{"type", "title", "content", "project", "session", "scope", "topic", "directory", "relation", "judgment", "end"}

// members are their values. Revision, times and tools change without a change that anybody means.
func (r *Row) members() (values [len(memberNames)]string) {
	values = [...]string{
		r.Type, r.Title, r.Content, engram.ProjectKey(r.Project), r.Session, r.Scope, r.Topic, r.Directory, r.Source + r.Relation + r.Target, r.Judgment, "",
	}
	if r.Kind == "session" {
		values[len(values)-1] = r.UpdatedAt
	}
	return values
}

// projectAt is the place of the project in memberNames.
const projectAt = 3

// Sum is the same for two rows of which Changes says nothing but, at most, that they are of two projects.
func (r *Row) Sum() engram.RowHash {
	values := r.members()
	values[projectAt] = ""
	return engram.HashOf(values[:]...)
}

// Member is a short member of a row by the name that Changes gives it, "" for the content.
func (r *Row) Member(name string) string {
	switch at := slices.Index(memberNames[:], name); {
	case at == projectAt:
		return r.Project
	case at < 0 || name == "content":
		return ""
	case name == "relation":
		return strings.TrimSpace(r.Source + " " + r.Relation + " " + r.Target)
	default:
		return r.members()[at]
	}
}

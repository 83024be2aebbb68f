package engram

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/engram-sync/engram-sync/internal/rowtime"
)

// Session is a row of a chunk's "sessions". ID is the caller's own and global;
// times are "YYYY-MM-DD HH:MM:SS", UTC. The members stand in engram's order, so
// that encoding a row gives engram's bytes: those of 1.x too, which leave out what
// later releases added. Source: local-state.md 1.3, engram-2.md 2.2.
type Session struct {
	ID            string  `json:"id"`
	Project       string  `json:"project"`
	OwnershipMode string  `json:"ownership_mode,omitempty"` // 2.x: ProjectOwned, "shared", or "" as 1.x made it
	Directory     string  `json:"directory"`
	StartedAt     string  `json:"started_at"`
	EndedAt       *string `json:"ended_at,omitempty"`
	Summary       *string `json:"summary,omitempty"`
}

// ProjectOwned is the OwnershipMode of a session that belongs to its project, and
// which every clone continues. Source: engram-2.md 2.1.
const ProjectOwned = "project_owned"

// Observation is a row of a chunk's "observations": one memory. SyncID names it
// everywhere, ID only in its own database. Source: local-state.md 1.3, engram-2.md 2.2.
type Observation struct {
	ID             int64   `json:"id"`
	SyncID         string  `json:"sync_id"`
	SessionID      string  `json:"session_id"`
	Type           string  `json:"type"`
	Title          string  `json:"title"`
	Content        string  `json:"content"`
	ToolName       *string `json:"tool_name,omitempty"`
	Project        *string `json:"project,omitempty"`
	Scope          string  `json:"scope"`
	TopicKey       *string `json:"topic_key,omitempty"`
	RevisionCount  int64   `json:"revision_count"`
	DuplicateCount int64   `json:"duplicate_count"`
	LastSeenAt     *string `json:"last_seen_at,omitempty"`
	ReviewAfter    *string `json:"review_after,omitempty"` // 1.17
	CreatedAt      string  `json:"created_at"`
	UpdatedAt      string  `json:"updated_at"`
	DeletedAt      *string `json:"deleted_at,omitempty"`
}

// Prompt is a row of a chunk's "prompts". Source: local-state.md 1.3, engram-2.md 2.2.
type Prompt struct {
	SourceInboxID *string `json:"source_inbox_id,omitempty"` // 3.x: stands first
	ID            int64   `json:"id"`
	SyncID        string  `json:"sync_id"`
	SessionID     string  `json:"session_id"`
	Content       string  `json:"content"`
	Project       string  `json:"project,omitempty"`
	CreatedAt     string  `json:"created_at"`
}

// Text is that of a member which may be absent; "" then.
func Text(t *string) string {
	if t == nil {
		return ""
	}
	return *t
}

// ChunkRows are the rows of one chunk.
type ChunkRows struct {
	Sessions     []Session     `json:"sessions"`
	Observations []Observation `json:"observations"`
	Prompts      []Prompt      `json:"prompts"`
	// Mutations are relations and deletions, which have no rows.
	Mutations []ChunkMutation `json:"mutations,omitempty"`
}

// ChunkMutation is a row of a chunk's "mutations" as engram's local export writes it:
// without a number, a target and a source, and from 2.x on with a blank disposition,
// which so is a sign of its generation. Source: engram-2.md 2.2 and 4.4.
type ChunkMutation struct {
	Seq         int64   `json:"seq"`
	TargetKey   string  `json:"target_key"`
	Entity      string  `json:"entity"`
	EntityKey   string  `json:"entity_key"`
	Op          string  `json:"op"`
	Payload     string  `json:"payload"` // JSON
	Source      string  `json:"source"`
	Project     string  `json:"project"`
	OccurredAt  string  `json:"occurred_at"`
	Disposition *string `json:"disposition,omitempty"` // not in 1.x
}

// EncodeChunk writes rows as engram does: compact JSON, an empty list as null,
// <, > and & escaped, no newline at the end. The bytes hash to the chunk's id.
// Text that is not UTF-8 comes out as U+FFFD, as with engram.
func EncodeChunk(rows ChunkRows) ([]byte, error) {
	if len(rows.Sessions) == 0 {
		rows.Sessions = nil
	}
	if len(rows.Observations) == 0 {
		rows.Observations = nil
	}
	if len(rows.Prompts) == 0 {
		rows.Prompts = nil
	}
	return json.Marshal(rows)
}

// NormalizeProject is a project's name as engram 1.16.1 and project servers know
// it: in lower case, code point by code point, trimmed, with one "-" for a run of
// them and one "_" for a run of those. White space inside stays. 1.9.4 keeps names
// as they are, so compare normalized names. Source: local-state.md 1.1,
// project-server.md 0 and A9.
func NormalizeProject(name string) string {
	name = strings.TrimSpace(strings.ToLower(strings.ToValidUTF8(name, "\uFFFD")))
	var b strings.Builder
	var last rune
	for _, r := range name {
		if r != last || r != '-' && r != '_' {
			b.WriteRune(r)
		}
		last = r
	}
	return b.String()
}

// ProjectOf is the normalized project of a row: its own, or else its session's.
func ProjectOf(own, session string) string {
	return cmp.Or(NormalizeProject(own), NormalizeProject(session))
}

// RowKind tells the kinds of rows apart.
type RowKind byte

// The kinds of rows.
const (
	SessionRow     RowKind = 's'
	ObservationRow RowKind = 'o'
	PromptRow      RowKind = 'p'
	RelationRow    RowKind = 'r'
)

// RowHash is half of a SHA-256: enough to take two equal ones for the same.
type RowHash [16]byte

// RowVersion is one state of one row, small enough that all the rows of all
// chunks can be kept. Rows on two machines have equal versions if nothing that
// matters between machines differs:
//
//   - Row is the identity: the sync_id, or the id of a session. The integer id
//     is left out, because every database counts for itself.
//   - Content has what people and agents wrote, where it belongs, and whether
//     it is deleted. When it was deleted is left out, and so are a session's
//     directory and start: each machine has its own (`manual-save-<project>` is
//     the same session everywhere).
//   - duplicate_count, last_seen_at, created_at and updated_at are left out of
//     Content: saving the same text again moves the first two and updated_at, and
//     nothing is lost without that; 1.9.4 loses created_at while it pulls.
//   - Revision is apart, because it tells that text came back to what it was
//     before from that it never changed. 1.9.4 also counts what it pulls.
//
// Source: local-state.md 1.3, 1.4 and 2.4.
type RowVersion struct {
	Kind     RowKind
	Row      RowHash
	Content  RowHash
	Revision int64
	Updated  int64 // updated_at, or a session's end, in nanoseconds since 1970; 0 where there is none
}

// Compare orders versions by kind and row, and those of one row by age.
func (v *RowVersion) Compare(other *RowVersion) int {
	if order := v.CompareRow(other); order != 0 {
		return order
	}
	return cmp.Or(
		cmp.Compare(v.Updated, other.Updated), cmp.Compare(v.Revision, other.Revision),
		bytes.Compare(v.Content[:], other.Content[:]),
	)
}

// CompareRow orders versions by kind and row alone.
func (v *RowVersion) CompareRow(other *RowVersion) int {
	if v.Kind != other.Kind {
		return cmp.Compare(v.Kind, other.Kind)
	}
	return bytes.Compare(v.Row[:], other.Row[:])
}

// SameRow says whether both are versions of one row.
func (v RowVersion) SameRow(other RowVersion) bool { return v.Kind == other.Kind && v.Row == other.Row }

// Supersedes says whether v is a later state of the same row, as far as one can
// tell: it was changed later, and not less often. The time alone would not do,
// because saving a text again that somebody else has edited meanwhile moves it.
func (v RowVersion) Supersedes(other RowVersion) bool {
	return v.Revision > other.Revision && !rowtime.Later(other.Updated, v.Updated) ||
		v.Revision == other.Revision && rowtime.Later(v.Updated, other.Updated)
}

// Apart is the version of a copy of an observation under an identity of its own,
// which follows from what it says: everybody who keeps that copy makes the same one.
func (v RowVersion) Apart() (syncID string, apart RowVersion) {
	sum := sha256.Sum256(slices.Concat([]byte("engram-sync kept copy 1"), v.Row[:], v.Content[:]))
	syncID = "obs-" + hex.EncodeToString(sum[:8])
	v.Row = HashOf(syncID)
	return syncID, v
}

func (s Session) Version() RowVersion {
	ended, summary := Text(s.EndedAt), Text(s.Summary)
	v := RowVersion{Kind: SessionRow, Row: HashOf(s.ID), Updated: rowtime.Instant(ended)}
	v.Content = HashOf(NormalizeProject(s.Project), ended, summary)
	return v
}

// Version is the version of an observation. project is that of its session,
// which counts where it has none itself.
func (o Observation) Version(project string) RowVersion {
	return o.Unplaced().In(Text(o.Project), project)
}

// Unplaced is the version of an observation in no project: see In.
func (o Observation) Unplaced() RowVersion {
	deleted := ""
	if Text(o.DeletedAt) != "" {
		deleted = "deleted"
	}
	return RowVersion{
		Kind: ObservationRow, Row: HashOf(o.SyncID), Revision: o.RevisionCount, Updated: rowtime.Instant(o.UpdatedAt),
		Content: HashOf(o.SessionID, o.Type, o.Title, o.Content, Text(o.ToolName), cmp.Or(o.Scope, "project"), Text(o.TopicKey), deleted),
	}
}

// Version is the version of a prompt; project as with observations.
func (p Prompt) Version(project string) RowVersion {
	return p.Unplaced().In(p.Project, project)
}

// Unplaced is the version of a prompt in no project: see In.
func (p Prompt) Unplaced() RowVersion {
	return RowVersion{Kind: PromptRow, Row: HashOf(p.SyncID), Content: HashOf(p.SessionID, p.Content)}
}

// In is v in its own project, or else in that of its session.
func (v RowVersion) In(own, session string) RowVersion {
	name := HashOf(ProjectOf(own, session))
	sum := sha256.Sum256(slices.Concat(v.Content[:], name[:]))
	v.Content = RowHash(sum[:len(RowHash{})])
	return v
}

// HashOf hashes a list of texts, as they are once they were in a chunk.
func HashOf(texts ...string) RowHash {
	var space [2 << 10]byte // enough for most rows, and for nobody to collect
	all, size := space[:0], 0
	for _, t := range texts {
		size += 8 + len(t)
	}
	if size > len(space) {
		all = make([]byte, 0, size)
	}
	for _, t := range texts {
		t = inJSON(t)
		all = append(binary.BigEndian.AppendUint64(all, uint64(len(t))), t...)
	}
	sum := sha256.Sum256(all)
	return RowHash(sum[:len(RowHash{})])
}

// inJSON is what comes back of a text that was encoded as JSON.
func inJSON(t string) string {
	if utf8.ValidString(t) {
		return t
	}
	return strings.Map(func(r rune) rune { return r }, t)
}

package engram

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"
)

// Session is a row of a chunk's "sessions". ID is the caller's own and global;
// times are "YYYY-MM-DD HH:MM:SS", UTC. The members stand in engram's order, so
// that encoding a row gives engram's bytes. Source: local-state.md 1.3.
type Session struct {
	ID        string  `json:"id"`
	Project   string  `json:"project"`
	Directory string  `json:"directory"`
	StartedAt string  `json:"started_at"`
	EndedAt   *string `json:"ended_at,omitempty"`
	Summary   *string `json:"summary,omitempty"`
}

// Observation is a row of a chunk's "observations": one memory. SyncID names it
// everywhere, ID only in its own database. Source: local-state.md 1.3.
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
	CreatedAt      string  `json:"created_at"`
	UpdatedAt      string  `json:"updated_at"`
	DeletedAt      *string `json:"deleted_at,omitempty"`
}

// Prompt is a row of a chunk's "prompts". Source: local-state.md 1.3.
type Prompt struct {
	ID        int64  `json:"id"`
	SyncID    string `json:"sync_id"`
	SessionID string `json:"session_id"`
	Content   string `json:"content"`
	Project   string `json:"project,omitempty"`
	CreatedAt string `json:"created_at"`
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

// rowTimeLayout is how engram writes the times of rows: UTC, without a zone.
const rowTimeLayout = "2006-01-02 15:04:05"

// RowTime reads a time as engram writes it, or as servers do; the zero time if
// it is neither.
func RowTime(t string) time.Time {
	for _, layout := range []string{rowTimeLayout, time.RFC3339} {
		if parsed, err := time.Parse(layout, t); err == nil {
			return parsed
		}
	}
	return time.Time{}
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

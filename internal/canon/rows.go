package canon

// The rows of the three lists, with the types that the server demands of their
// members: null passes for any of them. Source: project-server.md 3.4 and A17.

type row interface {
	// required are the fields that must not be blank.
	required() []field
	// sessionID is the session that the row belongs to, or "".
	sessionID() string
}

func newRow(list string) row {
	switch list {
	case "sessions":
		return &sessionRow{}
	case "observations":
		return &observationRow{}
	default:
		return &promptRow{}
	}
}

type sessionRow struct {
	ID        string  `json:"id"`
	Project   string  `json:"project"`
	Directory string  `json:"directory"`
	StartedAt string  `json:"started_at"`
	EndedAt   *string `json:"ended_at"`
	Summary   *string `json:"summary"`
}

func (r *sessionRow) sessionID() string { return "" }
func (r *sessionRow) required() []field {
	return []field{{"id", r.ID}, {"directory", r.Directory}}
}

type observationRow struct {
	ID             int64   `json:"id"`
	SyncID         string  `json:"sync_id"`
	SessionID      string  `json:"session_id"`
	Type           string  `json:"type"`
	Title          string  `json:"title"`
	Content        string  `json:"content"`
	ToolName       *string `json:"tool_name"`
	Project        *string `json:"project"`
	Scope          string  `json:"scope"`
	TopicKey       *string `json:"topic_key"`
	RevisionCount  int64   `json:"revision_count"`
	DuplicateCount int64   `json:"duplicate_count"`
	LastSeenAt     *string `json:"last_seen_at"`
	CreatedAt      string  `json:"created_at"`
	UpdatedAt      string  `json:"updated_at"`
	DeletedAt      *string `json:"deleted_at"`
}

func (r *observationRow) sessionID() string { return r.SessionID }
func (r *observationRow) required() []field {
	return []field{{"sync_id", r.SyncID}, {"session_id", r.SessionID}, {"type", r.Type},
		{"title", r.Title}, {"content", r.Content}, {"scope", r.Scope}}
}

type promptRow struct {
	ID        int64  `json:"id"`
	SyncID    string `json:"sync_id"`
	SessionID string `json:"session_id"`
	Content   string `json:"content"`
	Project   string `json:"project"`
	CreatedAt string `json:"created_at"`
}

func (r *promptRow) sessionID() string { return r.SessionID }
func (r *promptRow) required() []field {
	return []field{{"sync_id", r.SyncID}, {"session_id", r.SessionID}, {"content", r.Content}}
}

package wiretest

import "encoding/json"

// The rows that the reference client makes of a chunk before it sends it: fewer
// members, all strings, in this order. Source: account-server.md 3.1 and 3.6.
type (
	reducedSession struct {
		ID        string  `json:"id"`
		Project   string  `json:"project"`
		Directory string  `json:"directory"`
		StartedAt string  `json:"started_at,omitempty"`
		EndedAt   *string `json:"ended_at,omitempty"`
		Summary   *string `json:"summary,omitempty"`
	}
	reducedObservation struct {
		SessionID string `json:"session_id"`
		Type      string `json:"type"`
		Title     string `json:"title"`
		Content   string `json:"content"`
		ToolName  string `json:"tool_name,omitempty"`
		Project   string `json:"project,omitempty"`
		Scope     string `json:"scope,omitempty"`
		TopicKey  string `json:"topic_key,omitempty"`
	}
	reducedPrompt struct {
		SessionID string `json:"session_id"`
		Content   string `json:"content"`
		Project   string `json:"project,omitempty"`
	}
	reducedData struct {
		Sessions     []reducedSession     `json:"sessions"`
		Observations []reducedObservation `json:"observations"`
		Prompts      []reducedPrompt      `json:"prompts"`
	}
)

// Reduce is what the reference client makes of the content of a chunk before it sends it.
func Reduce(content []byte) ([]byte, error) {
	var rows reducedData
	if err := json.Unmarshal(content, &rows); err != nil {
		return nil, err
	}
	return json.Marshal(rows)
}

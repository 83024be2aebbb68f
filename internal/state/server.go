package state

import (
	"encoding/json"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// Server is what a remote with some base URL was found to be in an earlier run: a hint
// that saves requests. Whoever uses it believes the server's own answers more.
type Server struct {
	Kind       string            `json:"kind,omitempty"`
	Generation engram.Generation `json:"generation,omitempty"`
	OrLater    bool              `json:"or_later,omitempty"`
	Asked      int64             `json:"asked,omitempty"` // in Unix seconds
	Gzip       string            `json:"gzip,omitempty"`
	Limit      int64             `json:"limit,omitempty"`    // of a push, in bytes
	LimitAt    int64             `json:"limit_at,omitempty"` // in Unix seconds
}

// ReadServer reads what is remembered of a remote; what can't be read counts as
// unknown.
func ReadServer(root Root, remote string) (s Server) {
	text, err := sharing.ReadFile(serverPath(root, remote))
	if err != nil || json.Unmarshal(text, &s) != nil {
		return Server{}
	}
	return s
}

// WriteServer remembers what a remote is; the zero value forgets it. What can't be
// kept is found out again.
func WriteServer(root Root, remote string, s Server) {
	path := serverPath(root, remote)
	if s == (Server{}) {
		_ = sharing.Remove(path)
		return
	}
	if text, err := json.Marshal(s); err == nil {
		_ = root.write(path, append(text, '\n'))
	}
}

func serverPath(root Root, remote string) string {
	return root.Path("servers", fileName(remote)+".json")
}

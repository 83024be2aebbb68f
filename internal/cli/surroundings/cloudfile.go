package surroundings

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/engram-sync/engram-sync/internal/secret"
	"github.com/engram-sync/engram-sync/internal/sharing"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// CloudFile is engram's cloud.json, in both layouts: 1.16.1 has only the first
// two members. Source: local-state.md 4.
type CloudFile struct {
	ServerURL    string `json:"server_url"`
	Token        string `json:"token"`
	RefreshToken string `json:"refresh_token"`
	UserID       string `json:"user_id"`
	Username     string `json:"username"`
}

// Secrets are the names of the members that hold a secret.
func (c CloudFile) Secrets() (members []string) {
	for _, m := range [][2]string{{"token", c.Token}, {"refresh_token", c.RefreshToken}} {
		if m[1] != "" {
			members = append(members, m[0])
		}
	}
	return members
}

// ReadCloudFile reads engram's cloud.json, and says where it is. A missing one is an fs.ErrNotExist.
func ReadCloudFile(ws *workspace.Workspace) (cloud CloudFile, path string, err error) {
	path = filepath.Join(ws.DataDir(), "cloud.json")
	text, err := sharing.ReadFile(path)
	if err != nil {
		return cloud, path, fmt.Errorf("read engram's login: %w", err)
	}
	// The decoder's own text could quote a token.
	if json.Unmarshal(text, &cloud) != nil {
		return cloud, path, terminal.Usagef("%s is not a cloud.json with a server_url", path)
	}
	secret.Add(cloud.Token, cloud.RefreshToken)
	return cloud, path, nil
}

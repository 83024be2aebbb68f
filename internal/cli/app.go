package cli

import (
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

type app struct {
	*terminal.Terminal
	*workspace.Workspace
}

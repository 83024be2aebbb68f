package surroundings

import (
	"fmt"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/verification"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// Memory is what earlier runs have read of the chunk files of a directory, as root has it;
// nil where nobody keeps it. Nothing of it is worth an error: what is not remembered is read.
func Memory(root state.Root, ws *workspace.Workspace, dir workspace.Directory) verification.Memory {
	kept := state.OpenVerified(root, dir.Path(), fmt.Sprintf("%s, at most %d", ws.Version, ws.Config.MaxChunkBytes))
	if kept == nil {
		return nil
	}
	return &memory{kept, ws, dir}
}

type memory struct {
	*state.Verified

	ws  *workspace.Workspace
	dir workspace.Directory
}

// settled is how long a file must be unchanged before its time tells that it is: the clocks
// of file systems stand still for up to 2 s.
const settled = 2 * time.Second

func (m *memory) Stamp(id engram.ChunkID) string {
	stamp, changed, err := m.dir.FileStamp(id)
	if err != nil || time.Since(changed) <= settled {
		return ""
	}
	return stamp
}

func (m *memory) End(there []engram.ChunkID) {
	if err := m.Save(there); err != nil {
		m.ws.Log.Info("remember what was verified", "error", err)
	}
}

package chunks

import (
	"context"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// hereAlone adds what is not in order here, whatever a remote has. An entry whose chunk was replaced nobody misses.
func (doc *statusDocument) hereAlone(ctx context.Context, ws *workspace.Workspace, dir syncer.Local, here *engram.Manifest) error {
	files, _, err := dir.Chunks(ctx)
	if err != nil {
		return err
	}
	was := ws.Replaced(dir)
	there := make(map[engram.ChunkID]bool, len(files))
	for _, id := range files {
		there[id] = true
		if here.Names(id) {
			continue
		}
		doc.Orphans = append(doc.Orphans, id.String())
		if _, replaced := syncer.ReplacedBy(was, here, id); replaced {
			doc.putBack = append(doc.putBack, id.String())
		}
	}
	for _, e := range here.Entries() {
		if _, replaced := syncer.ReplacedBy(was, here, e.ID); !there[e.ID] && !replaced {
			doc.Missing = append(doc.Missing, e.ID.String())
		}
	}
	doc.Foreign = command.Texts(here.Rejected(), syncer.ForeignName)
	return nil
}

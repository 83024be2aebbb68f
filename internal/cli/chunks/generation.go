package chunks

import (
	"context"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/engramdb"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// minVersion is the least version of a manifest that is written beside this user's
// engram.db. It never fails the command: where the database cannot be read, the chunks
// alone decide.
func minVersion(ctx context.Context, ws *workspace.Workspace) int {
	if g, known := ownGeneration(ctx, ws); known {
		return engram.ManifestVersion(g)
	}
	return engram.ManifestVersion()
}

// ownGeneration is that of this user's engram.db; not known where there is none, or
// none that can be read.
func ownGeneration(ctx context.Context, ws *workspace.Workspace) (g engram.Generation, known bool) {
	db, err := openDatabase(ctx, ws)
	if err == nil && db == nil {
		return 0, false
	}
	if err == nil {
		g, err = databaseGeneration(ctx, ws, db)
	}
	if err != nil {
		ws.Log.Info("cannot tell the generation of engram.db", "error", terminal.OneLine(err.Error()))
	}
	return g, err == nil
}

// databaseGeneration is that of an engram.db. One that nobody knows is said.
func databaseGeneration(ctx context.Context, ws *workspace.Workspace, db *engramdb.DB) (engram.Generation, error) {
	g, err := db.Generation(ctx)
	if err == nil && g == 0 {
		ws.NoteLater("engram.db has another user_version")
	}
	return g, err
}

// raiseVersion raises the version of the manifest to that which the database, or what
// the directory holds, wants of it: before there is a chunk that a later engram would
// refuse, and also without one, as engram itself does. Source: engram-2.md 2.1.
func (x *export) raiseVersion(ctx context.Context) (version int, err error) {
	g, err := databaseGeneration(ctx, x.ws, x.db)
	if err != nil {
		return 0, err
	}
	before := x.found.manifest.Version()
	version = max(before, engram.ManifestVersion(g))
	if version == before || len(x.drafts)+len(x.found.manifest.Entries()) == 0 {
		return version, nil
	}
	if err := x.dir.AddEntries(ctx, version, nil); err != nil {
		return 0, err
	}
	x.term.Note("the manifest has version %d now, in place of %d: engram 2.x refuses to import what one of less lists", version, before)
	return version, nil
}

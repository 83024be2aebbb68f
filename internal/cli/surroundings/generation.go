package surroundings

import (
	"context"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/engramdb"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/verification"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// MinVersion is the least version of a manifest that is written beside this user's
// engram.db. It never fails the command: where the database cannot be read, the chunks
// alone decide.
func MinVersion(ctx context.Context, ws *workspace.Workspace) int {
	if g, known := OwnGeneration(ctx, ws); known {
		return engram.ManifestVersion(g)
	}
	return engram.ManifestVersion()
}

// OwnGeneration is that of this user's engram.db; not known where there is none, or
// none that can be read.
func OwnGeneration(ctx context.Context, ws *workspace.Workspace) (g engram.Generation, known bool) {
	db, err := OpenDatabase(ctx, ws)
	if err == nil && db == nil {
		return 0, false
	}
	if err == nil {
		g, err = DatabaseGeneration(ctx, ws, db)
	}
	if err != nil {
		ws.Log.Info("cannot tell the generation of engram.db", "error", terminal.OneLine(err.Error()))
	}
	return g, err == nil
}

// Readers chooses whose import a verification judges: the named ones, else those that
// the directory shows and that of the user's own engram.
func Readers(ctx context.Context, ws *workspace.Workspace, named []engram.Generation) func(seen []engram.Generation) []engram.Generation {
	return func(seen []engram.Generation) []engram.Generation {
		all := named
		if len(named) == 0 {
			own, _ := OwnGeneration(ctx, ws)
			all = append(seen, own)
		}
		all = slices.DeleteFunc(all, func(g engram.Generation) bool { return g < engram.Gen1 })
		slices.Sort(all)
		return slices.Compact(all)
	}
}

// Generations are those of the engrams behind a directory, a database and a server:
// "" where there is none, or nothing is known, and "unknown" for a later one than is
// known here.
type Generations struct {
	Directory string `json:"directory"`
	Database  string `json:"database"`
	Server    string `json:"server"` // of project servers: account servers keep what they are given
	// ServerOrLater says that the server may be of a later one as well.
	ServerOrLater bool `json:"server_or_later"`

	low bool // the manifest's version is less than what these want
}

// generationBytes is how much of chunks is read on the side to find out what they show.
const generationBytes = 4 << 20

// GenerationsHere are those that no server is needed for. Where engram.db cannot be
// read, that is others' to tell.
func GenerationsHere(ctx context.Context, ws *workspace.Workspace, local syncer.Local, m *engram.Manifest) Generations {
	var found Generations
	var all []engram.Generation
	if dir, there := local.(workspace.Directory); there && !isBlank(ctx, dir) {
		g := DirectoryGeneration(ctx, ws, local, m, generationBytes)
		found.Directory, all = g.String(), append(all, g)
	}
	if db, err := OpenDatabase(ctx, ws); err == nil && db != nil {
		if g, err := DatabaseGeneration(ctx, ws, db); err == nil {
			found.Database, all = g.String(), append(all, g)
		}
	}
	found.low = len(m.Entries()) > 0 && m.Version() < engram.ManifestVersion(all...)
	return found
}

// isBlank says whether nothing is in a directory that could show anything.
func isBlank(ctx context.Context, dir workspace.Directory) bool {
	blank, err := dir.Blank(ctx)
	return err == nil && blank
}

// Ask adds what is known of the server.
func (g *Generations) Ask(conn *workspace.Connection) {
	if facts := conn.Facts(); conn.PerProject() && facts.Generation != 0 {
		g.Server, g.ServerOrLater = facts.Generation.String(), facts.OrLater
	}
}

// Sentence is for people: "" where there is nothing to say.
func (g Generations) Sentence() string {
	server := g.Server
	if g.ServerOrLater {
		server += " or later"
	}
	var words []string
	for _, of := range [][2]string{{"the directory", g.Directory}, {"engram.db", g.Database}, {"the server", server}} {
		if of[1] != "" {
			words = append(words, of[0]+" "+of[1])
		}
	}
	text := strings.Join(words, ", ")
	if g.low {
		text += "; the manifest's version is too low for that: `engram-sync verify --repair` raises it"
	}
	return text
}

// DirectoryGeneration is that of a directory, by its manifest's version and the members
// of its chunks, of which at most so many bytes are read. What they show is remembered.
func DirectoryGeneration(ctx context.Context, ws *workspace.Workspace, local syncer.Local, m *engram.Manifest, most int64) engram.Generation {
	dir, ok := local.(workspace.Directory)
	if !ok {
		return m.Generation()
	}
	cache, known := state.OpenCache(ws.State(), "generations", dir.Path()), map[engram.ChunkID]engram.Generation{}
	cache.Get(generationRule, &known)
	before := len(known)
	g := m.Generation().Later(verification.Shown(ctx, local, m, known, most))
	if len(known) > before {
		if err := cache.Put(generationRule, known); err != nil {
			ws.Log.Info("remember what the chunks show", "error", err)
		}
	}
	return g
}

// generationRule changes with what is taken for a sign of a generation.
const generationRule = "1"

// DatabaseGeneration is that of an engram.db. One that nobody knows is said.
func DatabaseGeneration(ctx context.Context, ws *workspace.Workspace, db *engramdb.DB) (engram.Generation, error) {
	g, err := db.Generation(ctx)
	if err == nil && g == 0 {
		ws.NoteLater("engram.db has another user_version")
	}
	return g, err
}

package chunks

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/projection"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// projectOptions are the flags that only matter on project servers.
type projectOptions struct {
	includePersonal, fillBlanks, serverChunks bool
}

func (o *projectOptions) addPush(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.includePersonal, "include-personal", false, "project servers: send rows of scope personal too")
	cmd.Flags().BoolVar(&o.fillBlanks, "fill-blanks", false,
		"project servers: fill blank directories, types, titles and scopes that the server would refuse")
}

func (o *projectOptions) addPull(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.serverChunks, "include-server-chunks", false,
		"project servers: take the chunks that the server made of mutations too")
}

// lookOptions are what a comparison with this remote needs to know.
func lookOptions(ws *workspace.Workspace, c *workspace.Connection, dir syncer.Local, opts projectOptions) syncer.CompareOptions {
	return syncer.CompareOptions{
		Aliases: c.Aliases, ServerChunks: opts.serverChunks,
		Projector: func() syncer.Projector {
			if !c.PerProject() {
				return nil
			}
			return &projector{
				options: projection.Options{Project: c.Project.Name, IncludePersonal: opts.includePersonal, FillBlanks: opts.fillBlanks},
				open:    dir.OpenChunk, cache: filepath.Join(state.Dir(), "projections"), limit: ws.Config.Concurrency,
			}
		},
	}
}

// projector is a projection as the syncer wants it.
type projector struct {
	options projection.Options // of this run
	open    projection.OpenFunc
	cache   string
	limit   int

	*projection.Directory // of these options; set by Project
}

func (p *projector) Project(ctx context.Context, all, ids []engram.ChunkID) (map[engram.ChunkID]syncer.Projection, error) {
	p.Directory = projection.NewDirectory(p.options, p.open, p.cache, p.limit)
	chunks, err := p.Chunks(ctx, all, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[engram.ChunkID]syncer.Projection, len(chunks))
	for id, c := range chunks {
		projected := syncer.Projection{
			LeftOut: c.LeftOut, Filled: c.Filled,
			Personal: c.Personal, Foreign: c.Foreign, Err: c.Err,
		}
		for i, part := range c.Parts {
			projected.Parts = append(projected.Parts, syncer.Part{
				ID: part.ID, Sessions: part.Sessions, Memories: part.Memories, Prompts: part.Prompts, Stage: c.Stages[i],
			})
		}
		out[id] = projected
	}
	return out, nil
}

// Variants gives what the chunks become with more or less of the flags.
func (p *projector) Variants(ctx context.Context, all, ids []engram.ChunkID) (map[engram.ChunkID][]syncer.Variant, error) {
	out := map[engram.ChunkID][]syncer.Variant{}
	for _, personal := range []bool{false, true} {
		for _, fill := range []bool{false, true} {
			options := projection.Options{Project: p.options.Project, IncludePersonal: personal, FillBlanks: fill}
			if options == p.options {
				continue
			}
			chunks, err := projection.NewDirectory(options, p.open, p.cache, p.limit).Chunks(ctx, all, ids)
			if err != nil {
				return nil, err
			}
			fuller := (personal || !p.options.IncludePersonal) && (fill || !p.options.FillBlanks)
			for id, c := range chunks {
				v := syncer.Variant{Superset: fuller}
				for _, part := range c.Parts {
					v.Parts = append(v.Parts, part.ID)
				}
				out[id] = append(out[id], v)
			}
		}
	}
	return out, nil
}

// leftBehindItem is what of one chunk does not go to a project server.
type leftBehindItem struct {
	ID string `json:"id"`
	// RemoteIDs are the ids of what does; none if nothing does.
	RemoteIDs []string         `json:"remote_ids"`
	Personal  int              `json:"personal"`
	Foreign   int              `json:"foreign"`
	LeftOut   []engram.RowNote `json:"left_out"`
	Filled    []engram.RowNote `json:"filled"`
}

func leftBehindItems(behind []syncer.Projection) []leftBehindItem {
	var items []leftBehindItem
	for _, b := range behind {
		items = append(items, leftBehindItem{
			ID: b.ID.String(), RemoteIDs: texts(b.Parts, func(p syncer.Part) string { return p.ID.String() }),
			Personal: b.Personal, Foreign: b.Foreign,
			LeftOut: append([]engram.RowNote{}, b.LeftOut...), Filled: append([]engram.RowNote{}, b.Filled...),
		})
	}
	return items
}

// noteLeftBehind says what does not go to a project server, and what is not
// taken from it: in one line each, and with -v for each chunk.
func noteLeftBehind(term *terminal.Terminal, behind []syncer.Projection, serverMade []engram.ChunkEntry) {
	var foreign, personal, leftOut, filled, nothing int
	for _, b := range behind {
		foreign, personal = foreign+b.Foreign, personal+b.Personal
		leftOut, filled = leftOut+len(b.LeftOut), filled+len(b.Filled)
		if len(b.Parts) == 0 {
			nothing++
		}
		if term.Verbose {
			noteChunk(term, b)
		}
	}
	for _, line := range []struct {
		n    int
		noun string
		text string
	}{
		{nothing, "chunk", "not for this project"},
		{foreign, "row", "of other projects not sent"},
		{personal, "personal row", "not sent (--include-personal sends them)"},
		{leftOut, "row", "left out that the server would refuse (-v lists them; --fill-blanks mends what is only blank)"},
		{filled, "blank", "filled (-v lists them)"},
		{len(serverMade), "chunk", "made by the server of mutations not taken (--include-server-chunks takes them)"},
	} {
		if line.n > 0 {
			term.Note("%s %s", terminal.Count(line.n, line.noun), line.text)
		}
	}
}

func noteChunk(term *terminal.Terminal, b syncer.Projection) {
	if len(b.Parts) == 0 {
		term.Note("chunk %s: nothing for this project", b.ID)
	}
	for _, r := range b.LeftOut {
		term.Note("chunk %s: left out: %s", b.ID, r)
	}
	for _, r := range b.Filled {
		term.Note("chunk %s: %s", b.ID, fmt.Sprint(r))
	}
}

package chunks

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/projection"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// projectOptions are the flags that only matter on project servers.
type projectOptions struct {
	includePersonal, strict, serverChunks, allProjects, acceptLeftOut bool
}

func (o *projectOptions) addPush(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.includePersonal, "include-personal", false, "project servers: send rows of scope personal too")
	o.addStrict(cmd)
	cmd.Flags().Bool("fill-blanks", false, "what is done without it too")
	_ = cmd.Flags().MarkHidden("fill-blanks") // of older scripts
}

func (o *projectOptions) addPull(cmd *cobra.Command) {
	o.addStrict(cmd)
	cmd.Flags().Bool("accept-reduced", false, "what is done without it too")
	_ = cmd.Flags().MarkHidden("accept-reduced") // of older scripts
	cmd.Flags().BoolVar(&o.serverChunks, "include-server-chunks", false,
		"project servers: take the chunks that the server made of mutations too")
	cmd.Flags().BoolVar(&o.allProjects, "all-projects", false, "account servers: take the chunks of all projects into a git work tree too")
}

func (o *projectOptions) addAccept(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.acceptLeftOut, "accept-left-out", false,
		"project servers: rows that the server would refuse are no failure from now on; new ones are")
}

// addStrict adds the flag to a command that may have it already, as one of both directions.
func (o *projectOptions) addStrict(cmd *cobra.Command) {
	if cmd.Flags().Lookup("strict") == nil {
		cmd.Flags().BoolVar(&o.strict, "strict", false, "send and take only what fits as it is: mend nothing, and restore nothing")
	}
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
				options:  projection.Options{Project: c.Project.Name, IncludePersonal: opts.includePersonal, Strict: opts.strict},
				accepted: state.OpenAcceptedRows(state.Dir(), c.Label, c.Project.Name).Has,
				open:     dir.OpenChunk, cache: filepath.Join(state.Dir(), "projections"), limit: ws.Config.Concurrency,
				looks: ws.Looks(),
			}
		},
	}
}

// projector is a projection as the syncer wants it.
type projector struct {
	options  projection.Options // of this run
	accepted func(row string) bool
	open     projection.OpenFunc
	cache    string
	limit    int
	looks    bool

	*projection.Directory // of these options; set by Project
}

// directory projects with these options.
func (p *projector) directory(options projection.Options) *projection.Directory {
	d := projection.NewDirectory(options, p.open, p.cache, p.limit)
	if p.looks {
		d.OnlyLook()
	}
	return d
}

func (p *projector) Project(ctx context.Context, all, ids []engram.ChunkID) (map[engram.ChunkID]syncer.Projection, error) {
	p.Directory = p.directory(p.options)
	chunks, err := p.Chunks(ctx, all, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[engram.ChunkID]syncer.Projection, len(chunks))
	for id, c := range chunks {
		projected := syncer.Projection{
			Filled: c.Filled, Personal: c.Personal, Foreign: c.Foreign, Err: c.Err,
		}
		for _, r := range c.LeftOut {
			if p.accepted(r.Row) {
				projected.Accepted = append(projected.Accepted, r)
			} else {
				projected.LeftOut = append(projected.LeftOut, r)
			}
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
		for _, strict := range []bool{false, true} {
			options := projection.Options{Project: p.options.Project, IncludePersonal: personal, Strict: strict}
			if options == p.options {
				continue
			}
			chunks, err := p.directory(options).Chunks(ctx, all, ids)
			if err != nil {
				return nil, err
			}
			fuller := (personal || !p.options.IncludePersonal) && (!strict || p.options.Strict)
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

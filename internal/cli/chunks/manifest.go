package chunks

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const manifestLong = `List the chunks of the remote, and say which of them are here.

With --local: the chunks of the chunk directory, without asking the remote.`

func NewManifest(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	var local bool
	cmd := &cobra.Command{
		Use:     "manifest",
		Short:   "List the remote's chunks",
		Long:    problem.Help(manifestLong, problem.Remote),
		Example: "  engram-sync manifest\n  engram-sync manifest --local --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if local {
				return localManifest(cmd.Context(), term, ws)
			}
			return look(cmd.Context(), term, ws, func(diff *syncer.Diff, conn *workspace.Connection, _ string) error {
				if err := command.UseProject(cmd.Context(), term, ws, conn); err != nil {
					return err
				}
				return remoteManifest(cmd.Context(), term, ws, conn, diff)
			})
		},
	}
	cmd.Flags().BoolVar(&local, "local", false, "list the chunk directory's chunks")
	return cmd
}

// manifestRow is one chunk in a listing. There is nil where the remote was not asked.
type manifestRow struct {
	engram.ChunkEntry
	Here  bool
	There *bool
}

// MarshalJSON adds the whereabouts to the members of the entry.
func (r manifestRow) MarshalJSON() ([]byte, error) {
	members := fmt.Sprintf(`,"here":%t`, r.Here)
	if r.There != nil {
		members += fmt.Sprintf(`,"there":%t`, *r.There)
	}
	return command.EntryWith(r.ChunkEntry, members)
}

type manifestDocument struct {
	Schema      int                      `json:"schema"`
	Version     int                      `json:"version"`
	Chunks      []manifestRow            `json:"chunks"`
	Unsupported []string                 `json:"unsupported"`
	Generation  surroundings.Generations `json:"generation"`

	where string // the unsupported ones are
}

// newManifestDocument lists a manifest. there: it is that of the remote.
func newManifestDocument(m *engram.Manifest, here map[engram.ChunkID]bool, there *bool, unsupported []engram.RejectedEntry) manifestDocument {
	doc := manifestDocument{Schema: terminal.Schema, Version: m.Version(), Chunks: []manifestRow{}, Unsupported: command.Texts(unsupported, rejectedID)}
	doc.where = "here (not an entry of engram's)"
	if there != nil {
		doc.where = "there (unsupported id)"
	}
	for _, e := range m.Entries() {
		doc.Chunks = append(doc.Chunks, manifestRow{ChunkEntry: e, Here: here[e.ID], There: there})
	}
	return doc
}

func localManifest(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace) error {
	ws.OnlyLook()
	dir, err := ws.OpenDirectory()
	if err != nil {
		return err
	}
	m, err := dir.ReadManifest(ctx)
	if err != nil {
		return err
	}
	files, _, err := dir.Chunks(ctx)
	if err != nil {
		return err
	}
	here := map[engram.ChunkID]bool{}
	for _, id := range files {
		here[id] = true
	}
	doc := newManifestDocument(m, here, nil, m.Rejected())
	doc.Generation = surroundings.GenerationsHere(ctx, ws, dir, m)
	return printManifest(term, doc)
}

func remoteManifest(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, conn *workspace.Connection, diff *syncer.Diff) error {
	here := map[engram.ChunkID]bool{}
	for _, item := range diff.Present {
		here[item.Remote] = true
	}
	yes := true
	doc := newManifestDocument(diff.There, here, &yes, diff.Rejected)
	local, _, err := ws.OpenDirectoryIfAny()
	if err != nil {
		return err
	}
	doc.Generation = surroundings.GenerationsHere(ctx, ws, local, diff.Here)
	doc.Generation.Ask(conn)
	return printManifest(term, doc)
}

func printManifest(term *terminal.Terminal, doc manifestDocument) error {
	if !term.JSON && len(doc.Chunks) == 0 && len(doc.Unsupported) == 0 {
		term.Note("no chunks")
		return nil
	}
	return term.Table(doc, "ID\tCREATED\tBY\tSESSIONS\tMEMORIES\tPROMPTS\tWHERE", func(row terminal.Row) {
		for _, r := range doc.Chunks {
			row("%s\t%s\t%s\t%d\t%d\t%d\t%s", r.ID, term.When(r.CreatedAt), terminal.Visible(r.CreatedBy), r.Sessions, r.Memories, r.Prompts, r.where())
		}
		for _, id := range doc.Unsupported {
			row("%s\t\t\t\t\t\t%s", strconv.Quote(id), doc.where)
		}
	})
}

func (r manifestRow) where() string {
	switch {
	case r.There == nil && r.Here:
		return "here"
	case r.There == nil:
		return "file missing"
	case r.Here:
		return "here, there"
	}
	return "there"
}

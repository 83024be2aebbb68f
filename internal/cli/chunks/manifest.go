package chunks

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
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
		Args:    command.Exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if local {
				return localManifest(cmd.Context(), term, ws)
			}
			return look(cmd.Context(), ws, func(diff *syncer.Diff, _ *workspace.Connection, _ string) error {
				return remoteManifest(term, diff)
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
	text, err := json.Marshal(r.ChunkEntry)
	if err != nil {
		return nil, err
	}
	text = fmt.Appendf(text[:len(text)-1], `,"here":%t`, r.Here)
	if r.There != nil {
		text = fmt.Appendf(text, `,"there":%t`, *r.There)
	}
	return append(text, '}'), nil
}

// manifestDocument is what manifest prints in JSON mode.
type manifestDocument struct {
	Schema      int           `json:"schema"`
	Version     int           `json:"version"`
	Chunks      []manifestRow `json:"chunks"`
	Unsupported []string      `json:"unsupported"`
}

func localManifest(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace) error {
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
	have := map[engram.ChunkID]bool{}
	for _, id := range files {
		have[id] = true
	}
	doc := manifestDocument{Schema: terminal.Schema, Version: m.Version(), Chunks: []manifestRow{}, Unsupported: []string{}}
	for _, e := range m.Entries() {
		doc.Chunks = append(doc.Chunks, manifestRow{ChunkEntry: e, Here: have[e.ID]})
	}
	return printManifest(term, doc)
}

func remoteManifest(term *terminal.Terminal, survey *syncer.Diff) error {
	here := map[engram.ChunkID]bool{}
	for _, item := range survey.Present {
		here[item.Remote] = true
	}
	yes := true
	doc := manifestDocument{Schema: terminal.Schema, Version: survey.There.Version(), Chunks: []manifestRow{}, Unsupported: []string{}}
	for _, e := range survey.There.Entries() {
		doc.Chunks = append(doc.Chunks, manifestRow{ChunkEntry: e, Here: here[e.ID], There: &yes})
	}
	for _, r := range survey.Rejected {
		doc.Unsupported = append(doc.Unsupported, r.ID)
	}
	return printManifest(term, doc)
}

func printManifest(term *terminal.Terminal, doc manifestDocument) error {
	if term.JSON {
		terminal.PrintJSON(term.Stdout, doc)
		return nil
	}
	if len(doc.Chunks) == 0 && len(doc.Unsupported) == 0 {
		term.Note("no chunks")
		return nil
	}
	w := tabwriter.NewWriter(term.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tCREATED\tBY\tSESSIONS\tMEMORIES\tPROMPTS\tWHERE")
	for _, r := range doc.Chunks {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%s\n", r.ID, r.CreatedAt, terminal.Visible(r.CreatedBy), r.Sessions, r.Memories, r.Prompts, r.where())
	}
	for _, id := range doc.Unsupported {
		fmt.Fprintf(w, "%s\t\t\t\t\t\tthere (unsupported id)\n", strconv.Quote(id))
	}
	return w.Flush()
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

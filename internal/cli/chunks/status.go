package chunks

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const statusLong = `Show what push and pull would do, whether the remote lets you in, and what
engram.db holds and no chunk does (export writes that).

Nothing is changed, and one request is made.`

func NewStatus(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	var exitCode bool
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show what push and pull would do",
		Long:    problem.Help(statusLong, problem.Remote, problem.Different),
		Example: "  engram-sync status\n  engram-sync status --exit-code --quiet || engram-sync sync",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return look(cmd.Context(), ws, func(diff *syncer.Diff, conn *workspace.Connection, path string) error {
				return showStatus(cmd.Context(), term, ws, diff, conn, path, exitCode)
			})
		},
	}
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 10 if the two sides differ")
	return cmd
}

type statusDocument struct {
	Schema int          `json:"schema"`
	Remote statusRemote `json:"remote"`
	Auth   statusAuth   `json:"auth"`
	Dir    string       `json:"dir"` // "" if there is none yet
	// Here and There are how many chunks each side lists, Present how many both do.
	Here    int `json:"here"`
	There   int `json:"there"`
	Present int `json:"present"`
	// The rest are chunk ids.
	Push        []string `json:"push"`
	Pull        []string `json:"pull"`
	Missing     []string `json:"missing"`
	Orphans     []string `json:"orphans"`
	Unsupported []string `json:"unsupported"`
	// Unexported is null where there is no database, or it cannot be read.
	Unexported *unexported `json:"unexported"`
	// Of project servers only, as in the result of push and pull.
	LeftBehind []leftBehindItem `json:"left_behind,omitempty"`
	ServerMade []string         `json:"server_made,omitempty"`

	memories string // what is unexported, for people; "" where there is no database

	projectFrom string // what named the project
}

type statusRemote struct {
	URL  string `json:"url"`
	Name string `json:"name"`
	Kind string `json:"kind"`
	// Project is that of a project server; "" on account servers.
	Project string `json:"project"`
}

type statusAuth struct {
	Source string `json:"source"` // where the token came from; "" if there is none
	OK     bool   `json:"ok"`
}

// look compares both sides, for commands that change nothing. path is "" where
// there is no directory yet.
func look(ctx context.Context, ws *workspace.Workspace, show func(diff *syncer.Diff, conn *workspace.Connection, path string) error) error {
	ws.OnlyLook()
	dir, path, err := ws.OpenDirectoryIfAny()
	if err != nil {
		return err
	}
	return ws.With(ctx, func(conn *workspace.Connection) error {
		diff, err := syncer.Compare(ctx, dir, conn, lookOptions(ws, conn, dir, projectOptions{}))
		if err != nil {
			return err
		}
		return show(diff, conn, path)
	})
}

// showStatus says what a comparison of both sides saw.
func showStatus(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, diff *syncer.Diff, conn *workspace.Connection, path string, exitCode bool) error {
	doc := statusDocument{
		Schema: terminal.Schema, Dir: path,
		Remote: statusRemote{URL: conn.Label, Name: ws.Config.Remote.Name, Kind: string(conn.Kind())},
		Auth:   statusAuth{Source: conn.Source.From(), OK: true},
		Here:   len(diff.Here.Entries()), There: len(diff.There.Entries()), Present: len(diff.Present),
		Push: texts(diff.Pushes(), engram.ChunkID.String), Pull: texts(diff.ToPull, func(i syncer.Item) string { return i.ID().String() }),
		Missing: texts(diff.Missing, entryID), Orphans: texts(diff.Orphans, engram.ChunkID.String), Unsupported: texts(diff.Rejected, rejectedID),
		LeftBehind: leftBehindItems(diff.Omitted), ServerMade: texts(diff.ServerMade, entryID),
	}
	doc.Unexported, doc.memories = memoriesStatus(ctx, ws)
	if conn.PerProject() {
		doc.Remote.Project, doc.projectFrom = conn.Project.Name, conn.Project.From
	}
	if term.JSON || !term.Quiet {
		if err := term.Table(doc, "", doc.rows); err != nil {
			return err
		}
		noteLeftBehind(term, diff.Omitted, diff.ServerMade)
	}
	if exitCode && !diff.Clean() {
		return &terminal.ExitStatus{Code: problem.Different}
	}
	return nil
}

// rows are for people: what is in order gets few words.
func (doc statusDocument) rows(cells terminal.Row) {
	row := func(name, format string, args ...any) { cells(name+"\t"+format, args...) }
	row("remote", "%s (%s server): %s", doc.Remote.URL, doc.Remote.Kind, terminal.Count(doc.There, "chunk"))
	if doc.Remote.Project != "" {
		row("project", "%s, from %s", terminal.Visible(doc.Remote.Project), terminal.Visible(doc.projectFrom))
	}
	if doc.Auth.Source == "" {
		row("token", "none, and none is needed")
	} else {
		row("token", "from %s: accepted", doc.Auth.Source)
	}
	if doc.Dir == "" {
		row("directory", "none here: pull makes one in a git work tree, or where --dir says")
	} else {
		row("directory", "%s: %s", doc.Dir, terminal.Count(doc.Here, "chunk"))
	}
	if doc.memories != "" {
		row("memories", "%s", doc.memories)
	}
	row("to push", "%d", len(doc.Push))
	row("to pull", "%d", len(doc.Pull))
	for _, trouble := range []struct {
		name string
		ids  []string
		next string
	}{
		{"missing", doc.Missing, "listed here, but the file is nowhere: restore it from git"},
		{"orphans", doc.Orphans, "files without a manifest entry: pull adopts them"},
		{"unsupported", doc.Unsupported, "ids of the remote that no directory can hold"},
	} {
		if len(trouble.ids) > 0 {
			row(trouble.name, "%d (%s)", len(trouble.ids), trouble.next)
		}
	}
	for _, id := range doc.Unsupported {
		row("", "%s", strconv.Quote(id))
	}
}

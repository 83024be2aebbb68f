package chunks

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/chunks/failures"
	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/leftbehind"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/config"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/recognition"
	"github.com/engram-sync/engram-sync/internal/refused"
	"github.com/engram-sync/engram-sync/internal/selection"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const statusLong = `Show what push and pull would do, whether the remote lets you in, and what
engram.db holds and no chunk does (export writes that).

What is here is shown in any case, also where no remote is chosen, or none
answers. Nothing is changed, and one request is made.

With --exit-code it ends with 10 where push, pull, sync, verify or export would have
something to do or to say: chunks to move, files without an entry, missing files,
entries that are not engram's, memories that are not exported yet. Where a project
server would refuse rows that nobody has accepted it ends with 3 or 6, as push does.`

func NewStatus(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	var exitCode bool
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show what push and pull would do",
		Long:    problem.Help(statusLong, problem.Remote, problem.Partial, problem.Different),
		Example: "  engram-sync status\n  engram-sync status --exit-code --quiet || engram-sync sync",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ws.OnlyLook()
			return showStatus(cmd.Context(), term, ws, exitCode)
		},
	}
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 10 if the two sides differ, or something is not exported")
	return cmd
}

type statusDocument struct {
	Schema int          `json:"schema"`
	Remote statusRemote `json:"remote"`
	Auth   statusAuth   `json:"auth"`
	// Project decides what moves; no name if none is known.
	Project statusProject `json:"project"`
	// Compared says whether the remote has told what it has: else nothing of it is known.
	Compared bool   `json:"compared"`
	Dir      string `json:"dir"` // "" if there is none yet
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
	// Foreign are entries of the directory that are not engram's.
	Foreign []string `json:"foreign"`
	// Retirable are restored chunks whose true ones are here too.
	Retirable []string `json:"retirable,omitempty"`
	// Left are chunks of other projects that stay on an account server.
	Left []string `json:"left,omitempty"`
	// Replaced are chunks there whose place others have taken here.
	Replaced   []replacedItem           `json:"replaced,omitempty"`
	Generation surroundings.Generations `json:"generation"`
	// Unseen is how many of those to pull were not looked at yet: whose they are is not known.
	Unseen int `json:"unseen,omitempty"`
	// Unexported is null where there is no database, or it cannot be read.
	Unexported *surroundings.Unexported `json:"unexported"`
	// LastSuccess is by command.
	LastSuccess map[string]lastSuccess `json:"last_success"`
	// Of project servers only, as in the result of push and pull.
	LeftBehind []leftbehind.Item `json:"left_behind,omitempty"`
	ServerMade []string          `json:"server_made,omitempty"`

	claimed  bool                  // a file of the repository chose the project
	memories func(gone int) string // what is unexported, for people; "" where there is no database
	gone     int                   // see gone
	noRemote bool                  // none is chosen
	putBack  []string
}

type statusRemote struct {
	URL  string `json:"url"`
	Name string `json:"name"`
	Kind string `json:"kind"`
	// Project is that of a project server; "" on account servers.
	Project string `json:"project"`
}

type statusProject struct {
	Name    string `json:"name"`
	Source  string `json:"source"`  // what named it
	Trusted bool   `json:"trusted"` // see workspace.Trusts
}

type statusAuth struct {
	Source string `json:"source"` // where the token came from; "" if there is none
	OK     bool   `json:"ok"`
}

// look compares both sides, for commands that change nothing. path is "" where
// there is no directory yet.
func look(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, show func(diff *syncer.Diff, conn *workspace.Connection, path string) error) error {
	ws.OnlyLook()
	dir, path, err := ws.OpenDirectoryIfAny()
	if err != nil {
		return err
	}
	return ws.With(ctx, func(conn *workspace.Connection) error {
		diff, _, err := compareSides(ctx, term, ws, conn, dir, projectOptions{}, selection.Filter{}, true, nil)
		if err != nil {
			return err
		}
		return show(diff, conn, path)
	})
}

// showStatus says what is here, and what a comparison with the remote saw, if there
// is one to ask.
func showStatus(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, exitCode bool) error {
	doc, err := statusHere(ctx, ws, exitCode)
	if err != nil {
		return err
	}
	var diff *syncer.Diff
	var wrong error
	err = look(ctx, term, ws, func(d *syncer.Diff, conn *workspace.Connection, _ string) error {
		diff, wrong = d, leftbehind.WrongProject(conn, d)
		doc.compare(ws, conn, d)
		return nil
	})
	if errors.Is(err, config.ErrNoRemote) {
		err, doc.noRemote = nil, true
	}
	if ctx.Err() != nil {
		return err
	}
	if term.JSON || !term.Quiet {
		if err := term.Table(doc, "", doc.rows); err != nil {
			return err
		}
		noteLeftOut(term, diff)
	}
	if err != nil || !exitCode {
		return err
	}
	if wrong != nil {
		return wrong
	}
	var failed []work.Failure
	all := 0
	if diff != nil {
		all = len(diff.Here.Entries())
		failed = diff.LeftOut(syncer.Options{Push: true}, len(diff.Present)+len(diff.ToPush))
	}
	if term.Quiet && !term.JSON {
		failures.PrintLeftOut(term, ws, failed)
	}
	return failures.ExitStatus(term, 0, all, failed, diff != nil && !diff.Clean() || doc.Unexported.Differs())
}

// noteLeftOut says what a push would leave here, and mend.
func noteLeftOut(term *terminal.Terminal, diff *syncer.Diff) {
	if diff == nil {
		return
	}
	var rows []engram.RowNote
	for _, b := range diff.Omitted {
		rows = append(rows, b.LeftOut...)
	}
	if len(rows) > 0 {
		term.Note("%s left out, which the server would refuse: %s (-v lists them)", terminal.Count(len(rows), "row"), terminal.OneLine(refused.Causes(rows)))
	}
	moving := map[engram.ChunkID]bool{}
	for _, id := range diff.Pushes() {
		moving[id] = true
	}
	leftbehind.Note(term, diff.Omitted, diff.ServerMade, moving)
}

// statusHere is the half that no remote is needed for. all reads as much as that
// takes: somebody will act on the answer.
func statusHere(ctx context.Context, ws *workspace.Workspace, all bool) (doc statusDocument, err error) {
	dir, path, err := ws.OpenDirectoryIfAny()
	if err != nil {
		return doc, err
	}
	here, err := dir.ReadManifest(ctx)
	if err != nil {
		return doc, err
	}
	doc = statusDocument{
		Schema: terminal.Schema, Project: statusProject{Trusted: true}, Dir: path, Here: len(here.Entries()),
		Push: []string{}, Pull: []string{}, Missing: []string{}, Orphans: []string{}, Unsupported: []string{}, Foreign: []string{},
	}
	most := int64(surroundings.NoticeBytes)
	if all {
		most = math.MaxInt64
	}
	if own, err := ws.RepositoryProject(); err == nil && own.Name != "" {
		remote, _ := ws.RemoteLabel() // "" is none
		doc.use(ws, own, remote)
	}
	if err := doc.hereAlone(ctx, ws, dir, here); err != nil {
		return doc, err
	}
	doc.Generation = surroundings.GenerationsHere(ctx, ws, dir, here)
	doc.LastSuccess = lastSuccesses(ws)
	doc.Unexported, doc.memories = surroundings.MemoriesStatus(ctx, ws, dir, most)
	return doc, nil
}

// compare adds what the remote has told.
func (doc *statusDocument) compare(ws *workspace.Workspace, conn *workspace.Connection, diff *syncer.Diff) {
	doc.Compared = true
	doc.Remote = statusRemote{URL: conn.Label, Name: ws.Config.Remote.Name, Kind: string(conn.Kind())}
	doc.Auth = statusAuth{Source: conn.Source.From(), OK: true}
	doc.Here, doc.There, doc.Present = len(diff.Here.Entries()), len(diff.There.Entries()), len(diff.Present)
	doc.Push, doc.Pull = command.Texts(diff.Pushes(), engram.ChunkID.String), command.Texts(diff.ToPull, func(i syncer.Item) string { return i.ID().String() })
	doc.gone = gone(diff)
	doc.Missing, doc.Orphans = command.Texts(diff.Missing, entryID), command.Texts(diff.Orphans, engram.ChunkID.String)
	doc.putBack = command.Texts(diff.PutBack(), engram.ChunkID.String)
	doc.Unsupported, doc.Foreign = command.Texts(diff.Rejected, rejectedID), command.Texts(diff.Foreign, syncer.ForeignName)
	doc.Retirable = command.Texts(diff.Twins, func(t recognition.Twin) string { return t.Restored.String() })
	doc.Left = command.Texts(diff.Elsewhere, func(i syncer.Item) string { return i.Remote.String() })
	doc.Unseen, doc.Replaced = diff.Unseen(), replacedItems(diff.Replaced)
	doc.LeftBehind, doc.ServerMade = leftbehind.Items(diff.Omitted), command.Texts(diff.ServerMade, entryID)
	doc.Generation.Ask(conn)
	if conn.PerProject() {
		doc.Remote.Project = conn.Project.Name
		doc.use(ws, conn.Project, conn.Label)
	}
}

// use tells which project decides what moves.
func (doc *statusDocument) use(ws *workspace.Workspace, p workspace.Project, remote string) {
	doc.Project = statusProject{Name: p.Name, Source: p.From, Trusted: ws.Trusts(p, remote)}
	doc.claimed = p.Claimed != ""
}

// projectText is empty where nobody asked for the project, and nothing is wrong with it.
func (doc *statusDocument) projectText() string {
	if doc.Remote.Project == "" && !doc.claimed {
		return ""
	}
	text := terminal.Visible(doc.Project.Name) + ", from " + terminal.Visible(doc.Project.Source)
	switch {
	case !doc.Project.Trusted:
		text += ": a file of this repository chose it, and nothing moves before `engram-sync trust` allows it"
	case doc.claimed:
		text += ": allowed"
	}
	return text
}

// rows are for people: what is in order gets few words.
func (doc statusDocument) rows(cells terminal.Row) {
	row := func(name, format string, args ...any) { cells(name+"\t"+format, args...) }
	switch {
	case doc.Compared:
		row("remote", "%s (%s server): %s", strings.TrimSpace(doc.Remote.Name+" "+doc.Remote.URL), doc.Remote.Kind, terminal.Count(doc.There, "chunk"))
	case doc.noRemote:
		row("remote", "%s", config.ErrNoRemote)
	default:
		row("remote", "not compared: the error says why")
	}
	if text := doc.projectText(); text != "" {
		row("project", "%s", text)
	}
	switch {
	case !doc.Compared:
	case doc.Auth.Source == "":
		row("token", "none, and none is needed")
	default:
		row("token", "from %s: accepted", doc.Auth.Source)
	}
	if doc.Dir == "" {
		row("directory", "none here: pull makes one in a git work tree, or where --dir says")
	} else {
		row("directory", "%s: %s", doc.Dir, terminal.Count(doc.Here, "chunk"))
	}
	if text := doc.Generation.Sentence(); text != "" {
		row("engram", "%s", text)
	}
	if text := doc.memories(doc.gone); text != "" {
		row("memories", "%s", text)
	}
	if text := lastSuccessText(doc.LastSuccess); text != "" {
		row("succeeded", "%s", text)
	}
	missing := "listed here, but the file is not here: a remote or git may have it"
	if doc.Compared {
		missing = "listed here, but the file is nowhere: `engram-sync verify` says what to do"
		row("to push", "%d", len(doc.Push))
		if doc.Unseen > 0 {
			row("to pull", "%d (%s)", len(doc.Pull), unseenText(doc.Unseen))
		} else {
			row("to pull", "%d", len(doc.Pull))
		}
	}
	for _, trouble := range []struct {
		name string
		ids  []string
		next string
	}{
		{"missing", doc.Missing, missing},
		{"orphans", slices.DeleteFunc(slices.Clone(doc.Orphans), func(id string) bool { return slices.Contains(doc.putBack, id) }),
			"files without a manifest entry: sync adopts and pushes them"},
		{"put back", doc.putBack, "files of chunks that text was taken out of here: delete them, nothing adopts them"},
		{"foreign", doc.Foreign, "entries that are not engram's: `engram-sync verify` says which"},
		{"unsupported", doc.Unsupported, "ids of the remote that no directory can hold"},
		{"left there", doc.Left, "of other projects: --all-projects of pull and sync takes them, too"},
		{"retirable", doc.Retirable, "restored: " + retireTwins},
	} {
		if len(trouble.ids) > 0 {
			row(trouble.name, "%d (%s)", len(trouble.ids), trouble.next)
		}
	}
	if len(doc.Replaced) > 0 {
		row("replaced", "%d (there; here with other text or restored: `engram-sync pull %s` takes it)", len(doc.Replaced), doc.Replaced[0].ID)
	}
	for _, id := range doc.Unsupported {
		row("", "%s", strconv.Quote(id))
	}
}

package look

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/comparison"
	"github.com/engram-sync/engram-sync/internal/difference"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/history"
	"github.com/engram-sync/engram-sync/internal/memoryindex"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const diffLong = `Say which memories were added, edited and deleted from state A to state B, and show what
was edited by line. Memories are the same by their ids, in whichever chunk they stand, and
of each state their newest version counts. A state is:

    HEAD~3, main   the chunk directory as a commit of git has it
    ../other       another chunk directory, or a directory with one in it
    remote         what the remote has
    database       what engram.db has: only of the project, as with export

Without B it is compared with the chunk directory here, and without A that with HEAD: what
a commit would add. --remote without the word remote makes the remote A. Of a name that is
a revision and a directory, rev:NAME is the one and dir:NAME the other.

Only the project is compared where A or B is the database or a project server, and else
where --project is given. Memories with the scope personal that are in engram.db alone are
left out, as export leaves them out.

Chunks that cannot be read are named, the rest is compared, and the exit code is 7. Chunks
of a remote that are not here are downloaded to be read, and not kept. Of many chunks that
A and B have in common, an index of the directory tells what they say, as with log.`

// differ is the command diff.
type differ struct {
	*looker
	kind                    string
	stat, oneline, exitCode bool

	project string   // the only one that is compared, "" for all
	ends    []func() // of states
}

// NewDiff makes the command diff.
func NewDiff(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	d := &differ{}
	cmd := &cobra.Command{
		Use:     "diff [A] [B]",
		Short:   "Show which memories differ between two states",
		Long:    problem.Help(diffLong, problem.Remote, problem.Different),
		Example: "  engram-sync diff\n  engram-sync diff main~3 main --stat\n  engram-sync diff --remote work\n  engram-sync diff database --type decision",
		RunE: func(cmd *cobra.Command, words []string) error {
			ws.OnlyLook()
			if len(words) > 2 || d.stat && d.oneline {
				return &terminal.UsageError{Command: cmd.CommandPath(), Err: errors.New("diff takes up to two states, and --stat or --oneline, not both")}
			}
			states, err := statesOf(words, cmd.Flags().Changed("remote"))
			if err != nil {
				return &terminal.UsageError{Command: cmd.CommandPath(), Err: err}
			}
			if cmd.Flags().Changed("project") {
				d.only(ws.Config.Project)
			}
			return d.withStates(cmd.Context(), states, func(a, b state) error { return d.run(cmd.Context(), a, b) })
		},
	}
	d.looker = newLooker(term, ws, cmd)
	cmd.Flags().StringVar(&d.kind, "type", "", "only memories of `TYPE` (decision, bugfix, …), or prompt, session, relation")
	cmd.Flags().BoolVar(&d.stat, "stat", false, "only say how many, by kind")
	cmd.Flags().BoolVar(&d.oneline, "oneline", false, "one line for each memory, without what was edited")
	cmd.Flags().BoolVar(&d.exitCode, "exit-code", false, "exit with 10 if anything differs")
	return cmd
}

// statesOf are the two states that were asked for; "" is the chunk directory.
func statesOf(words []string, remote bool) (states [2]string, err error) {
	named := false
	for _, word := range words {
		if word == "" {
			return states, errors.New("a state has a name: an empty one is none")
		}
		named = named || word == theRemote
	}
	if remote && !named {
		if len(words) > 1 {
			return states, errors.New("with two states, --remote goes with the word remote for one of them")
		}
		words = append([]string{theRemote}, words...)
	}
	if len(words) == 0 {
		words = []string{"rev:HEAD"}
	}
	copy(states[:], words)
	if states[0] == states[1] {
		return states, fmt.Errorf("%.80q differs in nothing from itself", states[0])
	}
	return states, nil
}

// only leaves but one project.
func (d *differ) only(project string) { d.project = project }

// diffDocument is what diff prints in JSON mode.
type diffDocument struct {
	Schema  int          `json:"schema"`
	From    state        `json:"from"`
	To      state        `json:"to"`
	Project string       `json:"project"` // that alone was compared, "" for all
	Counts  []diffCount  `json:"counts"`
	Changes []diffChange `json:"changes"` // none with --stat
	Failed  []failedItem `json:"failed"`
}

// diffCount counts the changes of memories of one kind.
type diffCount struct {
	Kind    string `json:"kind"`
	Added   int    `json:"added"`
	Edited  int    `json:"edited"`
	Deleted int    `json:"deleted"`
}

type diffChange struct {
	Change  difference.Kind `json:"change"` // added, edited or deleted
	Kind    string          `json:"kind"`
	ID      string          `json:"id"`
	Type    string          `json:"type"`
	Title   string          `json:"title"`
	Project string          `json:"project"`
	Absent  bool            `json:"absent"`  // not deleted: the second state says nothing of it
	Changes []string        `json:"changes"` // of an edited one
	Diff    string          `json:"diff"`    // of its content, unified
	Before  *diffPlace      `json:"before"`  // null where it was added
	After   *diffPlace      `json:"after"`   // null where it was deleted

	was, is *history.Row // of an edited one
}

// diffPlace is the chunk that has a version; blank in engram.db.
type diffPlace struct {
	Chunk     string `json:"chunk"`
	CreatedBy string `json:"created_by"`
	CreatedAt string `json:"created_at"`
}

func newDiffPlace(c memoryindex.Chunk) *diffPlace {
	if c.ID.IsZero() {
		return &diffPlace{}
	}
	return &diffPlace{c.ID.String(), c.CreatedBy, c.CreatedAt}
}

func (d *differ) run(ctx context.Context, a, b state) error {
	s, err := d.compare(ctx, a, b)
	if err != nil {
		return err
	}
	doc := diffDocument{Schema: terminal.Schema, From: a, To: b, Project: d.project, Counts: []diffCount{}, Changes: []diffChange{}, Failed: failedItems(s.Failed)}
	var changes []difference.Change
	for _, c := range difference.Between(&s.Said[0], &s.Said[1]) {
		if d.wants(&c, a, b) {
			changes = append(changes, c)
			doc.count(&c)
		}
	}
	if !d.stat {
		if doc.Changes, err = d.changes(ctx, s, changes); err != nil {
			return err
		}
	}
	if d.project != "" && (a.Kind != "directory" || b.Kind != "directory") {
		d.ws.Log.Info("one project is compared", "project", d.project)
	}
	end := d.page(ctx)
	err = d.shown(doc, func(sheet *sheet) { doc.write(sheet, d.stat, d.oneline) })
	end()
	switch {
	case err != nil:
		return err
	case len(changes) == 0:
		d.term.Note("no memory differs")
	}
	if err := d.end(s.Failed); err != nil {
		return err
	}
	if d.exitCode && len(changes) > 0 {
		return &terminal.ExitStatus{Code: problem.Different}
	}
	return nil
}

// wants says whether the user wants to see a change.
func (d *differ) wants(c *difference.Change, a, b state) bool {
	only := map[difference.Kind]state{difference.Added: b, difference.Deleted: a}[c.Kind]
	kind, project := false, false
	for _, m := range []*difference.Memory{c.Before, c.After} {
		if m == nil {
			continue
		}
		kind = kind || strings.EqualFold(m.Type, d.kind) || strings.EqualFold(m.Kind, d.kind)
		project = project || engram.ProjectKey(m.Project) == engram.ProjectKey(d.project)
	}
	return (kind || d.kind == "") && (project || d.project == "") && (only.Kind != theDatabase || !engram.IsPersonal(c.Of().Scope))
}

func (doc *diffDocument) count(c *difference.Change) {
	at := 0
	for at < len(doc.Counts) && doc.Counts[at].Kind != c.Of().Kind {
		at++
	}
	if at == len(doc.Counts) {
		doc.Counts = append(doc.Counts, diffCount{Kind: c.Of().Kind})
	}
	count := &doc.Counts[at]
	switch c.Kind {
	case difference.Added:
		count.Added++
	case difference.Edited:
		count.Edited++
	default:
		count.Deleted++
	}
}

// changes are the changes for people and programs; what was edited is read for it.
func (d *differ) changes(ctx context.Context, s *comparison.Sides, changes []difference.Change) ([]diffChange, error) {
	list := []diffChange{}
	var rows [2]map[history.Identity]*history.Row
	if !d.oneline {
		var err error
		if rows, err = s.Load(ctx, changes); err != nil {
			return nil, err
		}
	}
	for _, c := range changes {
		m := c.Of()
		change := diffChange{
			Change: c.Kind, Kind: m.Kind, ID: m.ID, Type: m.Type, Title: m.Title, Project: m.Project, Absent: c.Absent, Changes: []string{},
			was: rows[0][m.Identity], is: rows[1][m.Identity],
		}
		if c.Before != nil {
			change.Before = newDiffPlace(s.Chunks[0][c.Before.Chunk])
		}
		if c.After != nil {
			change.After = newDiffPlace(s.Chunks[1][c.After.Chunk])
		}
		if change.was != nil {
			change.compare()
		}
		list = append(list, change)
	}
	return list, nil
}

// tooLarge stands for what is not compared by line.
const tooLarge = "(too large to be compared by line)\n"

// compare finds what was edited.
func (c *diffChange) compare() {
	for _, name := range history.Changes(c.was, c.is) {
		if name == "project" && cmp.Or(c.was.Project, c.is.Project) != "" && (c.was.Project == "" || c.is.Project == "") {
			continue // as difference has it
		}
		c.Changes = append(c.Changes, name)
	}
	if c.was.Content != c.is.Content {
		var ok bool
		if c.Diff, ok = difference.Lines(c.was.Content, c.is.Content); !ok {
			c.Diff = tooLarge
		}
	}
}

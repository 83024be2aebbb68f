package chunks

import (
	"context"
	"math"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
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
		cmd.Flags().BoolVar(&o.strict, "strict", false, "send and take only what fits as it is: fill in and restore nothing")
	}
}

// early are the options of a run that may begin while both sides are compared: one of which
// nobody wants to see first what it would do, or to do a part, and of which nothing has to stay here.
func (t *transfer) early(opts syncer.Options) *syncer.Options {
	if t.dryRun || len(t.words) > 0 || t.ws.Config.FailOnSecrets {
		return nil
	}
	return &opts
}

// softLimit is from how much memory on what is gone is collected at once: as much as the chunks
// that are pushed to a project server take, whose texts are large and soon gone.
const softLimit = 160 << 20

// collectEarly sets it, unless somebody has set another one, until the undoing.
func collectEarly() (undo func()) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return func() {}
	}
	debug.SetMemoryLimit(softLimit)
	return func() { debug.SetMemoryLimit(math.MaxInt64) }
}

// misnamedProject is the error of a project that has nothing here and nothing on the
// server, while engram's database has one that people take for it.
func (t *transfer) misnamedProject(ctx context.Context, conn *workspace.Connection, diff *syncer.Diff) error {
	if !conn.PerProject() || !diff.Clean() || len(diff.There.Entries())+len(diff.Present)+len(diff.Omitted) > 0 {
		return nil
	}
	db, err := surroundings.OpenDatabase(ctx, t.ws)
	var found *surroundings.Unexported
	if db != nil {
		found, err = surroundings.LookUnexported(ctx, t.ws, db, t.dir, conn.Project, surroundings.NoticeBytes)
	}
	switch {
	case err != nil: // the transfer does not need the database
		t.ws.Log.Info("cannot tell whether memories are of a project with a similar name", "error", terminal.OneLine(err.Error()))
	case found != nil && len(found.Near) > 0:
		return terminal.Usagef("nothing is here of project %s, from %s: engram.db has %s; run `engram-sync sync --export %s`",
			terminal.Visible(conn.Project.Name), terminal.Visible(conn.Project.From),
			strings.Join(command.Texts(found.Near, terminal.Visible), " and "), surroundings.ProjectFlag(found.Near[0]))
	}
	return nil
}

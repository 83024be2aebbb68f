// Package export is the command export, and what sync --export does before anything moves: what engram.db has, and no chunk
// tells, is written into new chunks. The root calls it, and the commands by which chunks come and go.
package export

import (
	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const long = `Write what engram.db has, and no chunk tells, into new chunks: memories, edits, relations,
ends of sessions, deletions.

engram's own export takes what is newer than the newest manifest entry, and passes
over the rest for ever: what was saved before a teammate's chunk arrived, for
instance. This command goes by identity and content, not by time; --dry-run says of
each row why it was left behind. engram.db is only read.

The project is the one that engram would choose here; --project names another.
What should not get into git at all can be left out: --no-prompts, --no-directories
and --types, which can stand in .engram-sync.yaml too, and --since.

` + command.ChoosingHelp + `

The time of a row is that of its last change; its session goes with it. Deletions
of what chunks have go in any case. All of this only takes from the project that is
exported, and an export without it writes just the rest.

Personal memories stay here unless --include-personal says otherwise, and those
of scope global unless --all-projects does. What would do harm where it is imported
stays too; all of it is counted.

The chunks are as engram writes them, each with the sessions that its rows belong to;
relations and deletions for good come in a chunk behind the others. The entries get a
time that hides nothing from engram's own export.

What was deleted for good is known from the tombstones of engram.db, or from its
journal. A row of which neither knows stays in the chunks.`

const example = `  engram sync; engram-sync export
  engram-sync export --dry-run
  engram-sync export --include type=decision --exclude since=1d
  engram-sync export --all-projects --dir /backup/engram`

// New makes the command export.
func New(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	x := &Run{term: term, ws: ws}
	cmd := &cobra.Command{
		Use:     "export",
		Short:   "Write the memories of engram.db that no chunk has yet into new ones",
		Long:    problem.Help(long, problem.Local, problem.Partial, problem.Unavailable, problem.Refused, problem.Damaged, problem.Different, problem.Locked, problem.HungUp, problem.Interrupted, problem.Terminated),
		Example: example,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			x.sizeChosen = cmd.Flags().Changed(maxChunkFlag)
			if x.wants, err = x.choosing.Read(cmd); err != nil {
				return err
			}
			return x.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&x.dryRun, "dry-run", "n", false, "list what would be written, and why each row was left behind")
	flags.BoolVar(&x.exitCode, "exit-code", false, "with --dry-run: exit with 10 if there is something to write")
	flags.BoolVar(&x.all, "all-projects", false, "export the memories of all projects, and global ones")
	flags.BoolVar(&x.personal, "include-personal", false, "export personal memories too")
	AddChoice(cmd)
	surroundings.AddFailOnSecrets(cmd)
	flags.StringVar(&x.since, "since", "", "leave out what was last changed before `TIME`: 2026-10-01, an RFC 3339 time, or 30d, 36h ago")
	x.choosing.Flags(cmd, "export", "rows")
	// In the place of the global flag: here it is about chunks that are made.
	flags.String(maxChunkFlag, "4MiB", "make no chunks of more than `SIZE`, uncompressed; a larger row gets its own")
	return cmd
}

// maxChunkFlag is also the global flag that bounds what is read.
const maxChunkFlag = "max-chunk-bytes"

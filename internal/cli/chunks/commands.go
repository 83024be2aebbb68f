package chunks

import (
	"github.com/spf13/cobra"

	"github.com/engram-sync/engram-sync/internal/cli/command"
	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/cli/surroundings"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

const pushLong = `Upload the chunks of the chunk directory that the remote lacks.

Chunks go up byte for byte; to a project server the project's rows go, in the
server's own form. Each is checked against its id while it is sent; a damaged one
is not stored. What the server accepted, and its manifest does not list afterwards,
counts as failed.

What stays here is a failure on every run, until it is there: rows that the
server would refuse (--accept-left-out accepts that), and chunk files that no
manifest entry names (sync gives them one, and pushes them).

Without arguments all missing chunks are pushed. Arguments are chunk ids, or
the first digits of some.`

func NewPush(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	t := &transfer{term: term, ws: ws, opts: syncer.Options{Push: true}}
	return t.cobra(&cobra.Command{
		Use:     "push [CHUNK-ID...]",
		Short:   "Upload local chunks that the remote lacks",
		Long:    problem.Help(pushLong, problem.Transfer),
		Example: "  engram-sync push\n  engram-sync push --dry-run --exit-code\n  engram-sync push 7f82 --verify",
	}, t.addVerify, t.addInit, t.project.addPush, t.project.addAccept, surroundings.AddFailOnSecrets)
}

const pullLong = `Download the chunks of the remote that are missing here.

A chunk gets its name on disk only after its bytes were found to hash to its
id. Files that an interrupted run left without a manifest entry are adopted.
Where there is no chunk directory yet, .engram is made at the top of the git
work tree, or wherever --dir says: in a directory that is empty or not there yet.

Chunks that engram 1.9.4 re-encoded while pushing do not fit their ids any more.
They are restored, under the id that fits their bytes; --strict leaves them on the
server. Where the true chunk comes later, verify --repair retires the restored one.

Without arguments all missing chunks are pulled; from an account server, which
holds all projects of a user, only those of the repository's project come into
a git work tree. Arguments are chunk ids, or the first digits of some.

` + command.ChoosingHelp + `

Chunks come whole: one is included for any row in it, and excluded for any row. Its
time is that of its entry. To judge it by project or type it has to be downloaded
once. A row without a project is its session's, if a chunk that was downloaded, or is
here, has that session; else it tells none. What stays on the server is counted, is no
failure, and comes with a pull without these flags: behind what came before. Where it
has an older text of a memory that is here, engram imports that last, and verify names
it.`

func NewPull(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	t := &transfer{term: term, ws: ws, opts: syncer.Options{Pull: true}, create: true}
	return t.cobra(&cobra.Command{
		Use:   "pull [CHUNK-ID...]",
		Short: "Download remote chunks that are missing here",
		Long:  problem.Help(pullLong, problem.Transfer),
		Example: "  engram-sync pull\n  engram-sync pull --dir /backup/engram --quiet\n" +
			"  engram-sync pull --include type=decision --include since=30d",
	}, t.project.addPull, func(cmd *cobra.Command) { t.choosing.Flags(cmd, "pull", "chunks") })
}

const syncLong = `Pull, then push: afterwards both sides have all chunks.

What pull and push say about themselves is true here too. With --export the
memories that no chunk has yet are written into new ones first of all, so that one
command does the whole round.

--watch stays, and does that again a few seconds after engram.db has changed, and
every --interval for what comes from elsewhere: a line for each change, errors once
and when they are over, longer pauses while they last. Ctrl-C ends it, with 0. One
process watches a directory; other commands work beside it.`

func NewSync(term *terminal.Terminal, ws *workspace.Workspace) *cobra.Command {
	t := &transfer{term: term, ws: ws, opts: syncer.Options{Pull: true, Push: true}, create: true}
	return t.cobra(&cobra.Command{
		Use:     "sync",
		Short:   "Pull, then push",
		Long:    problem.Help(syncLong, problem.Transfer),
		Example: "  engram-sync sync\n  engram-sync sync --export\n  engram-sync sync --export --watch\n  engram-sync sync --json",
	}, t.addVerify, t.addExport, t.addWatch, t.addInit, t.project.addPush, t.project.addPull, surroundings.AddFailOnSecrets)
}

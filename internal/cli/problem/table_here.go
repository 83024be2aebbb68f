package problem

import (
	"io/fs"

	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/config"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/git"
	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/journal/source"
	"github.com/engram-sync/engram-sync/internal/repofile"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/state/cursorfile"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// here are the classes of what this machine and its user have to do with, and of journals; they
// come behind the others.
var here = []Class{
	{"configuration", Usage, as[*config.Error], "",
		"A setting cannot be understood. The message names the key, and the file, flag or variable that it comes from."},
	{"project-untrusted", Usage, as[*workspace.UntrustedError], "",
		"A file of the repository chose a project that is not that of git's origin, and nobody allowed it. If that is right run `engram-sync trust`, else name the project with --project."},
	{"token-unmeant", Usage, as[*auth.UnmeantError], "",
		"ENGRAM_SYNC_TOKEN or ENGRAM_SYNC_TOKEN_FILE is set, and a file of the repository chose the remote, so the token is not sent there. If it is meant for that remote, name it with --remote or ENGRAM_SYNC_REMOTE."},
	{"git", Usage, as[*git.SetupError], "",
		"git is missing, or this is no git work tree. Install git, or run the command in a repository."},
	{"file-unfit", Usage, as[*repofile.UnfitError], "",
		"A file that the repository brings is a link, too large, or no file at all. Replace it by a regular file."},
	{"link-out", Usage, as[*repofile.LinkError], "",
		"A link in the repository leads out of it, and may be anybody's. Put what it leads to in its place, or name that instead of the link, with --dir for a chunk directory."},
	{"no-directory", Usage, as[*chunkdir.NotFoundError], "",
		"There is no chunk directory around the working directory. Run the command in the repository, or name one with --dir."},
	{"data-directory", Usage, as[*chunkdir.DataDirError], "",
		"The directory that was found is engram's own data directory. Run the command in the repository, or name one with --dir."},
	{"directory-unfit", Usage, as[*chunkdir.PathError], "",
		"The path of the chunk directory is none that can be used. Give another --dir."},
	{"bad-lines", Usage, as[*source.BadLinesError], "",
		"The file of mutations has lines that are none. Correct them: nothing was sent."},
	{"no-such-user", Usage, is(server.ErrNoUser), "",
		"The server has no account of this name. `engram-sync serve user list` lists them."},
	{"user-exists", Usage, is(server.ErrUserExists), "",
		"The server has an account of this name or address already. Choose another."},
	{"bad-account", Usage, is(server.ErrBadInput), "",
		"The name, address or password is none that the server takes. The message says why."},
	{"server-foreign", Usage, is(server.ErrForeign), "",
		"The database is not one of engram-sync serve. Name another directory with --data, or an empty database with --database."},
	{"migrate-other", Usage, is(server.ErrOtherData), "",
		"What accounts should be copied to holds what the source does not: it is another server's, or was served meanwhile. Take an empty directory or database."},
	{"migrate-busy", Locked, is(server.ErrTargetBusy), "",
		"Another serve migrate copies to the same target, or a server is being opened there. Wait for it, or end it, and run the command again: it goes on."},
	{"served", Locked, as[*server.ServedError], "",
		"Another engram-sync serve runs on the same data directory. Stop it, or wait for it with --lock-wait. Any number of them serve one PostgreSQL database."},
	{"migrate-changed", Unavailable, is(server.ErrSourceChanged), "",
		"A chunk was replaced at the source while it was copied. Run the same command again: it goes on."},
	{"server-database", Unavailable, is(server.ErrUnreached), "",
		"The database of the server did not answer. Check that it runs, what --database says, and who may use it; the same command may work later."},
	{"server-unusable", Usage, is(server.ErrUnusable), "check the names of the database and of its user, and the password in ~/.pgpass, PGPASSFILE or PGPASSWORD",
		"PostgreSQL has no such database or user, or does not let the user in. Check --database, and ~/.pgpass, PGPASSFILE or PGPASSWORD for the password."},
	{"server-own-tools", Usage, is(server.ErrOwnTools), "",
		"The server keeps its data in PostgreSQL, which brings tools of its own for backups. Use pg_dump and pg_restore."},
	{"server-gone", Usage, is(server.ErrGone), "",
		"The data directory has a signing key, and no database. It was moved, or its disk is not mounted: bring it back, or restore a backup. A new server begins where there is no key either."},
	{"server-replaced", Usage, is(server.ErrReplaced), "",
		"The database belongs to another signing key than the one beside it, or another one than before is behind the same URL. Bring the right one back. If this one is meant, remove the file that the message names, and the signing key."},
	{"server-older", Usage, is(server.ErrOlder), "",
		"The database is a copy from before it was last opened or backed up: what was pushed since is not in it. Bring the newer one back. If this one is meant, remove the file that the message names, or use serve restore."},
	{"server-exposed", Usage, is(server.ErrExposed), "",
		"Others than the server's user can read or change its signing key or its database. Take their rights away: chmod 600."},
	{"server-in-use", Usage, is(server.ErrInUse), "",
		"The file is the database of a running or killed server. Make a backup of it, and restore that."},
	{"exists", Usage, is(fs.ErrExist), "name another one: what is there is never overwritten",
		"A file that was to be made exists already. Name another one."},
	{"directory-locked", Locked, as[*chunkdir.LockedError], "",
		"Another engram-sync works on the same chunk directory. Try again later, or wait for it with --lock-wait."},
	{"watched", Locked, as[*state.WatchedError], "",
		"A directory is watched by one process at a time. Leave it to that one, or end it; single runs of push, pull and sync go on beside it."},
	{"journal-locked", Locked, as[*state.BusyError], "",
		"Another engram-sync works on the same journal. Try again later, or wait for it with --lock-wait."},
	{"not-regular", Damaged, is(chunkdir.ErrNotRegular),
		"move it away, then restore what belongs there from git, or run `engram-sync pull`",
		"A link, directory or pipe lies where a chunk file, the manifest or the directory of the chunks should. Move it away, and restore what belongs there from git or with a pull."},
	{"migrate-differs", Damaged, is(server.ErrNotCopied), "",
		"What was read back from the target is not what the source has. Do not serve the target: copy into another one, and look at what keeps its data."},
	{"server-damaged", Damaged, is(server.ErrDamaged), "",
		"The database of the server is damaged. Restore it from a backup."},
	{"cursor-damaged", Damaged, is(cursorfile.ErrDamaged), "",
		"The saved cursor of a journal is damaged. --cursor OTHER begins anew."},
	{"push-job-damaged", Damaged, as[*state.JobError], "",
		"What earlier runs pushed is not known any more. Move the file away, and push with --reconcile."},
	{"journal-changed", Refused, is(journal.ErrChanged), "",
		"The journal is not the one that was read before, as after a restore of the server. Read it anew with --rescan or another --cursor."},
	{"bad-page", Refused, is(journal.ErrBadPage), "",
		"The server sent a page of its journal that makes no sense. Ask whoever runs it."},
	{"mutation-refused", Refused, as[*engram.ContentError], "",
		"The server refuses a mutation for what it says. It is in the file of rejects, and the rest went on."},
	{"batch-too-large", Refused, as[*engram.BatchTooLargeError], "",
		"A single mutation is larger than the server takes. It can only be left out."},
	{"mutations-paused", Refused, as[*engram.PausedError], "",
		"The operator of the server has paused a project, so its mutations are held back. Run the same command when that is over."},
}

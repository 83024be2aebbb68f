package cli

import (
	"errors"
	"slices"
	"syscall"

	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/engramdb"
	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/merge"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/transport"
	"github.com/engram-sync/engram-sync/internal/work"
)

// printError says what failed, why, and what to do, on one line.
func (a *app) printError(err error) {
	code := codeOf(err)
	a.Fail(terminal.Failure{Code: code, Kind: kindOf(code), Message: terminal.OneLine(err.Error()), Hint: a.hint(err)})
}

// hint is the next step after an error. A refused token is mended where it
// comes from: a login would not count beside a variable or a command.
func (a *app) hint(err error) string {
	if is(err, transport.ErrUnauthorized) && !is(err, errBadLogin) {
		switch a.TokenFrom {
		case auth.TokenVariable, auth.EngramCloudVariable, auth.EngramLegacyVariable:
			return a.TokenFrom + " holds a token that is not good here: replace it, or unset it to use a login"
		case auth.FromCommand:
			return "the token_command of the remote gives a token that is not good here"
		case "stdin":
			return "read a valid access token or API key of this server from stdin"
		}
	}
	return hint(err)
}

// hintFor is the next step after a failed item.
func (a *app) hintFor(f work.Failure) string {
	if f.Direction == work.Pulled && is(f.Err, engram.ErrDamaged) {
		return "nothing was written: if it stays so, the server's copy is bad, and only a machine that has the chunk can help"
	}
	return a.hint(f.Err)
}

// refusedWith says whether a project server refused with this code.
func refusedWith(err error, codes ...string) bool {
	var status *transport.StatusError
	return errors.As(err, &status) && slices.Contains(codes, status.Code)
}

// hint is the next step after an error; "" where its text names it already.
func hint(err error) string {
	var usage *terminal.UsageError
	var big *transport.TooLargeError
	switch {
	case errors.As(err, &usage) && usage.Command != "":
		return "see `" + usage.Command + " --help`"
	case as[*engramdb.DamagedError](err), as[*engramdb.SchemaError](err):
		return "see whether engram itself opens it, and whether ENGRAM_DATA_DIR names the right directory"
	case is(err, engramdb.ErrBusy):
		return "run the same command again"
	case is(err, syncer.ErrUnlisted):
		return "delete the file, or put a good one in its place"
	case errors.As(err, &big):
		return "this server can never hold it, so keep it in git, or delete what makes it so large and export again"
	case is(err, transport.ErrOutcomeUnknown, syncer.ErrUnconfirmed):
		return "run the same command again: it looks first, and sends only what is missing"
	case is(err, journal.ErrOtherSource):
		return "--reconcile compares it with the whole journal and sends what is missing, --restart sends all of it"
	case as[*journal.UnstoredError](err):
		return "run the same command again later"
	case is(err, merge.ErrTangled):
		return "take one side with `git checkout --ours` or `--theirs`, then run `engram-sync verify --repair`: it adopts the chunks of the other"
	case is(err, engram.ErrConflictMarkers, engram.ErrTwice):
		return "run `engram-sync verify --repair`: it keeps the entries of both sides"
	case as[*engram.ManifestError](err) && !is(err, engram.ErrManifestVersion):
		return "restore it from git, or mend it by hand; without the file `engram-sync verify --repair` makes new entries from the chunks"
	case is(err, engram.ErrManifestVersion):
		return "it was written by a newer engram: look for a newer engram-sync"
	case is(err, engram.ErrDamaged):
		return "run `engram-sync verify` to see all damage, and restore the file from git or from another machine"
	case is(err, syncer.ErrNowhere):
		return "restore it from git, or remove the entry"
	case is(err, engram.ErrNoFile):
		return "run `engram-sync pull` to fetch it, or restore it from git"
	case as[*engram.ReducedError](err):
		return "to store it under the id that fits its bytes, run pull --accept-reduced"
	case is(err, auth.ErrLocked):
		return "unlock the keyring, or set ENGRAM_SYNC_TOKEN, or run `engram-sync config set credential_store file` and log in (plain text, for you alone)"
	case is(err, auth.ErrNoKeyring, auth.ErrTooBig):
		return "set ENGRAM_SYNC_TOKEN, or a token_command for the remote, or run `engram-sync config set credential_store file` and log in (plain text, for you alone)"
	case is(err, auth.ErrCommand):
		return "run it by hand to see what is wrong with it"
	case is(err, transport.ErrNoSignIn):
		return "project servers take a token of their operator: run `engram-sync login --token-stdin`"
	case is(err, transport.ErrLoginExpired):
		return "log in again: run `engram-sync login`"
	case is(err, errBadLogin):
		return "check the name and the password"
	case is(err, transport.ErrUnauthorized, auth.ErrNotFound):
		return "run `engram-sync login`, or set ENGRAM_SYNC_TOKEN to a valid access token or API key of this server"
	case is(err, transport.ErrCleartext):
		return "use an https:// URL, or pass --insecure-http if the network is safe"
	case is(err, transport.ErrTLS):
		return "check the URL, and that this machine trusts the server's certificate"
	case is(err, transport.ErrBadURL):
		return "give it as https://HOST[:PORT][/PATH]"
	case is(err, transport.ErrNotEngram):
		return "check the remote's URL (engram-sync config list)"
	case is(err, transport.ErrNoProject):
		return "name it with --project, or in .engram-sync.yaml at the top of the repository"
	case is(err, transport.ErrOtherKind):
		return "leave --protocol and the setting protocol out: the kind is found out by itself"
	case as[*syncer.LeftOutError](err):
		return "-v lists them all, and --fill-blanks mends what is only blank"
	case refusedWith(err, transport.CodeForbidden):
		return "ask the operator of the server to allow the project (ENGRAM_CLOUD_ALLOWED_PROJECTS), or name another with --project"
	case refusedWith(err, transport.CodePaused):
		return "the operator of the server has paused this project: run the same command again when that is over"
	case refusedWith(err, transport.CodeChunkConflict):
		return "another chunk has this id there, so this one can only be kept in git"
	case as[*transport.RetryLaterError](err):
		return "run the same command again then"
	case is(err, transport.ErrUnavailable):
		return "check that the server runs and the URL is right, then run the same command again"
	case as[*syncer.SelectError](err):
		return "`engram-sync manifest` lists the ids of the remote, manifest --local those of the directory"
	case is(err, syncer.ErrNotStored, syncer.ErrOtherBytes):
		return "ask whoever runs the server: sending it again would change nothing"
	case is(err, engram.ErrBadChunkID):
		return "such a chunk can only be removed or renamed on the server"
	case errors.Is(err, syscall.ENOSPC):
		return "free some space, then run the same command again"
	case is(err, transport.ErrRefused):
		return "ask whoever runs the server: trying again will not help"
	}
	return ""
}

package problem

import (
	"errors"
	"os"
	"slices"
	"syscall"

	"github.com/engram-sync/engram-sync/internal/adoption"
	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/config"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/engramdb"
	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/merge"
	"github.com/engram-sync/engram-sync/internal/secret"
	"github.com/engram-sync/engram-sync/internal/secretscan"
	"github.com/engram-sync/engram-sync/internal/sharing"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/transport"
	"github.com/engram-sync/engram-sync/internal/verification"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// ErrBadLogin: the server knows no such name with such a password.
var ErrBadLogin = errors.New("the server does not let you in")

// SeeDoctor is part of hints where a look at the whole setup says more.
const SeeDoctor = " (`engram-sync doctor` shows where it fails)"

// asItsCause is the code of a class whose errors wrap one of another, which decides.
const asItsCause = 0

// Classes is the one table of errors. An error is of the first class that
// recognises it, so what is special stands above what is general.
var Classes = slices.Concat(elsewhere, here)

// elsewhere are the classes of what servers, networks and engram's files have to do with.
var elsewhere = []Class{
	// Tokens that were refused.
	{"principal-required", Auth, nobodyAsks,
		"give it the token of one of its users, `engram-sync login --token-stdin`; if it runs without authentication, only its operator can help",
		"The project server knows no user behind the request: it runs without authentication, or wants the token of a user. Give it one, or ask its operator."},
	{"token-variable", Auth, refusedToken(secret.TokenVariable, secret.EngramCloudVariable, secret.EngramLegacyVariable),
		"VARIABLE holds a token that is not good here: replace it, or unset it to use a login",
		"The server refused the token that an environment variable gave. A variable counts before any login, so replace or unset it."},
	{"token-file", Auth, refusedToken(secret.TokenFileVariable),
		"the file that ENGRAM_SYNC_TOKEN_FILE names holds a token that is not good here: replace it, or unset the variable to use a login",
		"The server refused the token that stands in the file which ENGRAM_SYNC_TOKEN_FILE names. The file counts before any login, so replace the token, or unset the variable."},
	{"token-command", Auth, refusedToken(auth.FromCommand),
		"the token_command of the remote gives a token that is not good here",
		"The server refused the token that the remote's token_command printed. Run the command by hand and correct it."},
	{"token-stdin", Auth, refusedToken("stdin"),
		"read a valid access token or API key of this server from stdin",
		"The server refused the token that was read from stdin. Give an access token or an API key of this very server."},

	// The command line and engram's database.
	{"usage", Usage, func(err error, _ string) bool {
		usage, ok := errors.AsType[*terminal.UsageError](err)
		return ok && usage.Command != ""
	}, "see `COMMAND --help`",
		"The command line cannot be understood. The help of the command lists what it takes."},
	{"database-damaged", Damaged, as[*engramdb.DamagedError],
		"see whether engram itself opens it, and whether ENGRAM_DATA_DIR names the right directory",
		"engram.db is damaged, or another file lies in its place. See whether engram opens it, and restore it from a backup if not."},
	{"database-foreign", Usage, as[*engramdb.SchemaError],
		"see whether engram itself opens it, and whether ENGRAM_DATA_DIR names the right directory",
		"The database lacks tables that engram's has, so it is another program's or of an unknown release. Point ENGRAM_DATA_DIR at engram's own directory."},
	{"database-too-large", Damaged, is(engramdb.ErrTooLarge),
		"delete that memory in engram: no chunk could hold it",
		"A row of engram.db takes more memory than a reader should give it. Delete it in engram."},
	{"database-busy", Unavailable, is(engramdb.ErrBusy),
		"run the same command again",
		"engram was writing to its database all the time. Run the same command again."},
	{"database-empty", Usage, is(engramdb.ErrEmpty), "",
		"The file is a database with nothing in it. Let engram fill it, or name another one."},

	// Chunks and what happens to them on the way.
	{"file-unlisted", asItsCause, is(adoption.ErrUnlisted),
		"delete the file, or put a good one in its place",
		"A chunk file has no manifest entry, and is too bad to get one. Delete it, or replace it by a good copy."},
	{"limit-learnt", Refused, limitLearnt,
		"run the same command again: chunks are split at this limit from now on",
		"A chunk is larger than the server takes in one request, and its limit was not known before. The next run splits chunks at that limit."},
	{"too-large", Refused, as[*transport.TooLargeError],
		"this server can never hold it, so keep it in git, or delete what makes it so large and export again",
		"The chunk is larger than the server takes in one request. Keep it in git, or export smaller chunks."},
	{"content-refused", Refused, as[*syncer.ContentRefusedError],
		"this server can never hold it, so keep it in git, or correct the row in engram and export again",
		"The server's database cannot hold what stands in a row of the chunk. Keep the chunk in git, or correct the row and export it again."},
	{"collision", Damaged, collision,
		"two different chunks have this id, and no place can hold both: keep the one here in git, and pull the other into a directory of its own with --dir",
		"Two different chunks have the same id, one here and one on the server. Keep the one in git, and the other in a directory of its own."},
	{"outcome-unknown", Unknown, is(transport.ErrOutcomeUnknown, syncer.ErrUnconfirmed),
		"run the same command again: it looks first, and sends only what is missing",
		"The answer to a request was lost, and the server did not say afterwards whether it was applied. The next run looks before it sends anything."},

	// Journals.
	{"source-changed", Usage, is(journal.ErrOtherSource),
		"--reconcile compares it with the whole journal and sends what is missing, --restart sends all of it",
		"The source of mutations is not the one that earlier runs sent. Let the whole journal decide, or begin anew."},
	{"mutations-unstored", Unavailable, as[*journal.UnstoredError],
		"run the same command again later",
		"The server accepted mutations, and does not have them. Run the same command again later."},

	// The manifest.
	{"foreign-entry", Partial, is(syncer.ErrForeign),
		"it stays as it is, and the rest goes on: `engram-sync verify --repair --set-aside` takes it out",
		"An agent or a person has written an entry of its own into the manifest. It stops nothing else; --set-aside takes it out, and keeps a copy."},
	{"manifest-tangled", Damaged, is(merge.ErrTangled),
		"take one side with `git checkout --ours` or `--theirs`, then run `engram-sync verify --repair`: it adopts the chunks of the other",
		"git's conflict markers in the manifest do not pair up. Take one side, and let the repair adopt the chunks of the other."},
	{"manifest-conflict", Damaged, is(engram.ErrConflictMarkers, engram.ErrTwice),
		"run `engram-sync verify --repair`: it keeps the entries of both sides",
		"A merge left both sides in the manifest. The repair makes the union of them."},
	{"manifest-bom", Damaged, is(engram.ErrBOM),
		"run `engram-sync verify --repair`: it takes the mark out",
		"An editor has put a byte order mark before the manifest, which engram cannot read. The repair takes it out."},
	{"manifest-glued", Damaged, as[*chunkdir.MergeableError],
		"run `engram-sync verify --repair`: it unites what a merge has spoiled",
		"A merge has glued entries of the manifest together, or is not finished. The repair takes them apart, and asks the chunks where that is not certain, or takes both sides from git's index."},
	{"manifest-in-git", Damaged, as[*workspace.RestorableError],
		"git has a good one: `COMMAND` brings it back, and `engram-sync verify --repair` adopts chunks that it lacks",
		"The manifest is empty, cut or no file, and git has a good one. Check that out; a repair adds the chunks that have come since."},
	{"manifest-damaged", Damaged, as[*engram.ManifestError],
		"restore it from git, or correct it by hand; without the file `engram-sync verify --repair` makes new entries from the chunks",
		"The manifest is not what engram writes. Restore it from git, or remove it and let the repair make a new one."},
	{"lfs-pointer", Damaged, is(chunkdir.ErrPointer),
		"run `git lfs pull`",
		"Git LFS keeps the chunk, and has left a pointer in its place. `git lfs pull` fetches the chunk."},
	{"other-content", Damaged, as[*engram.MismatchError],
		"run `engram-sync verify --full`: it says whether somebody edited it, and what to do",
		"The content of a chunk is whole, and has another id than its name: somebody edited it, or it is another chunk. Restore it, or keep it with --re-identify."},
	{"damaged", Damaged, is(engram.ErrDamaged),
		"run `engram-sync verify --full` to see all damage, and restore the file from git or from another machine",
		"The content of a chunk does not fit its id, its checksum or its format. Restore the file from git or from a machine that has it."},
	{"chunk-nowhere", Damaged, is(syncer.ErrNowhere),
		"if git and other machines lack it too, `engram-sync verify --repair --forget-missing` removes the entry",
		"The manifest names a chunk whose file is neither here nor on the remote. Restore it from git, or let --forget-missing remove the entry."},
	{"file-misspelt", Damaged, as[*chunkdir.SpellingError], "",
		"A file has the name of a chunk in other letters, as capitals, and its volume does not tell case, so that the chunk can have no file of its own. Rename it as the message says."},
	{"file-missing", Damaged, is(engram.ErrNoFile),
		"run `engram-sync pull` to fetch it, or restore it from git",
		"The manifest names a chunk whose file is missing. A pull fetches it if the remote has it."},
	{"not-there", Partial, is(verification.ErrAbsent),
		"run `engram-sync push`, or compare with the right remote",
		"A chunk of the directory is not on the remote that was verified. Push it."},
	{"reduced", Partial, as[*engram.ReducedError],
		"get the true chunk by git, or restore what is left of it: run `engram-sync pull` without --strict",
		"An old client re-encoded the chunk while pushing, so that its bytes cannot fit its id. A pull without --strict restores what is left of it."},

	// The keyring and logins.
	{"keyring-locked", Auth, is(auth.ErrLocked),
		"unlock the keyring, or set ENGRAM_SYNC_TOKEN, or run `engram-sync config set credential_store file` and log in (plain text, for you alone)",
		"The keyring is locked and nobody unlocked it. Unlock it, or let the token come from elsewhere."},
	{"keyring-unusable", Auth, is(auth.ErrNoKeyring, auth.ErrTooBig),
		"set ENGRAM_SYNC_TOKEN, or a token_command for the remote, or run `engram-sync config set credential_store file` and log in (plain text, for you alone)",
		"This machine has no keyring, or the token does not fit into it. Let the token come from elsewhere."},
	{"token-file-unread", Auth, is(auth.ErrTokenFile),
		"let the variable name a file that holds the token and that you can read, or unset it to use a login",
		"ENGRAM_SYNC_TOKEN_FILE names a file that is not there, cannot be read, or holds no token. Let it name another one, or unset it."},
	{"token-command-failed", Auth, is(auth.ErrCommand),
		"run it by hand to see what is wrong with it",
		"The remote's token_command failed, or printed no token. Run it by hand to see why."},
	{"no-sign-in", Usage, is(transport.ErrNoSignIn),
		"project servers take a token of their operator: run `engram-sync login --token-stdin`",
		"Project servers have no accounts to sign in to. Ask the operator for a token, and keep that."},
	{"password-too-long", Refused, is(transport.ErrLongPassword),
		"choose a password of at most 72 bytes",
		"The server cannot keep a password of more than 72 bytes. Choose a shorter one."},
	{"login-expired", Auth, is(transport.ErrLoginExpired),
		"log in again: run `engram-sync login`",
		"Access token and refresh token have both ended. Log in again."},
	{"bad-login", Auth, is(ErrBadLogin),
		"check the name and the password; `engram-sync auth register` makes a new account",
		"The server knows no such account with this password. Check both, or register the account first."},
	{"name-taken", Refused, nameTaken,
		"choose another, or log in if it is yours: run `engram-sync login`",
		"The server has an account of this name or address already. Choose another, or log in to that one."},
	{"account-gone", Refused, accountGone,
		"register, or log in to another account: run `engram-sync login`",
		"The token is good, and the account that it belongs to is not on the server any more. Register anew, or log in to another one."},
	{"unauthorized", Auth, is(transport.ErrUnauthorized, auth.ErrNotFound),
		"run `engram-sync login`, or set ENGRAM_SYNC_TOKEN to a valid access token or API key of this server",
		"There is no token for this server, or it refused the one there is. Log in, or set ENGRAM_SYNC_TOKEN."},

	// The remote: its address, its kind, its project.
	{"cleartext", Usage, is(transport.ErrCleartext),
		"use an https:// URL, or pass --insecure-http if the network is safe",
		"A token would have gone over the network in clear text. Use https, or say that the network is safe."},
	{"tls-authority", Usage, is(transport.ErrAuthority),
		"if it is signed by an authority of your own, name that with --ca-cert FILE, or in the setting ca_cert",
		"Nobody on this machine knows the authority that signed the server's certificate. If it is one of your own, name it with --ca-cert."},
	{"tls-client", Usage, is(transport.ErrClientCert),
		"name a certificate that it takes with --client-cert FILE and --client-key FILE, or in the settings client_cert and client_key",
		"The server wants a client certificate, or another one than it was shown. Name it with --client-cert and --client-key."},
	{"tls-wanted", Usage, is(transport.ErrWantsTLS),
		"set the remote's URL to that",
		"The port speaks TLS, and the URL begins with http. Set the remote to the URL with https that the message names."},
	{"tls-unwanted", Usage, is(transport.ErrWantsPlain),
		"set the remote's URL to that if the network is safe (other machines also need --insecure-http), or have TLS set up there",
		"The port speaks plain HTTP, and the URL begins with https. Set the remote to the URL with http that the message names, or have TLS set up."},
	{"tls", Usage, is(transport.ErrTLS),
		"check the URL, that this machine trusts the server's certificate, and whether the server wants one of yours (--client-cert)" + SeeDoctor,
		"No trusted TLS connection came about. Check the URL, and the certificate authorities of this machine or ca-cert."},
	{"proxy", Usage, is(transport.ErrProxy),
		"correct the variable (http://USER:PASSWORD@HOST:PORT), ask who runs the proxy, or name the server's host in NO_PROXY if it can be reached without one",
		"The proxy that a variable of the environment names cannot be used, wants a password, or does not allow the connection. Correct the variable, or let NO_PROXY except the server."},
	{"bad-url", Usage, is(transport.ErrBadURL),
		"give it as https://HOST[:PORT][/PATH]",
		"The remote's URL is none that can be used. Give scheme, host and at most a path."},
	{"not-engram", Usage, is(transport.ErrNotEngram),
		"check the remote's URL (`engram-sync config list`)",
		"What answers at the URL is not an Engram Cloud server. Check host, port and path."},
	{"no-project", Usage, is(transport.ErrNoProject),
		"name it with --project, or in .engram-sync.yaml at the top of the repository",
		"A project server has to be asked about a project, and nothing names one here. Name it."},
	{"other-kind", Usage, is(transport.ErrOtherKind),
		"leave --protocol and the setting protocol out: the kind is found out by itself",
		"The server is not of the kind that --protocol says. Leave it out: the kind is found out."},

	// What servers refuse.
	{"nothing-fits", Refused, leftOut(true),
		"-v lists them, and `engram-sync push --accept-left-out` accepts that they stay here",
		"A project server would refuse all that there is, so it stayed here. List it with -v, and correct it where it comes from, or accept that."},
	{"secret", Refused, as[*secretscan.FoundError],
		"take it out with `engram-sync redact --secrets`, or accept its fingerprint in .engram-sync-accepted",
		"Something in the chunk looks like a secret, and --fail-on-secrets keeps such chunks here. Take it out with `engram-sync redact --secrets`; what is none gets a line in .engram-sync-accepted."},
	{"rows-left-out", Partial, leftOut(false),
		"-v lists them, and `engram-sync push --accept-left-out` accepts that they stay here",
		"Rows of the chunk would be refused by a project server, so they stayed here. List them with -v, and correct them where they come from, or accept that."},
	{"put-back", Refused, replacedFile, "nothing adopts or pushes it",
		"A chunk file is here again although text was taken out of the chunk, which has another id now. Nothing adopts or pushes it. Delete the file, or pull the chunk by its id if you want it."},
	{"only-orphans", Refused, orphan(true),
		"`engram-sync sync` gives such files one, and pushes them",
		"No manifest entry names the chunk file, and a push sends what the manifest names, of which there is nothing. Sync adopts such files, and pushes them."},
	{"orphan", Partial, orphan(false),
		"`engram-sync sync` gives such files one, and pushes them",
		"No manifest entry names the chunk file, and a push sends what the manifest names. Sync adopts such files, and pushes them."},
	{"project-forbidden", Refused, refusedWith(transport.CodeForbidden),
		"ask the operator of the server to grant your user this project, or, where there are no users, to allow it (ENGRAM_CLOUD_ALLOWED_PROJECTS), or name another with --project",
		"The token has no grant for this project, or the server does not allow it to anybody. Ask its operator, or name another project: other projects are not affected."},
	{"project-paused", Refused, refusedWith(transport.CodePaused),
		"the operator of the server has paused this project: run the same command again when that is over",
		"The operator of the server has paused the project. Run the same command when that is over."},
	{"retry-later", Unavailable, as[*transport.RetryLaterError],
		"run the same command again then",
		"The server asked to come back at a later time than we wait for. Run the same command again then."},
	{"proxy-unreachable", Unavailable, as[*transport.ProxyError],
		"check that the proxy runs and can reach the server, or name the server's host in NO_PROXY if it can be reached without one",
		"The proxy that a variable of the environment names could not be reached, or could not reach the server. Check both, or let NO_PROXY except the server."},
	{"server-changed", Unavailable, is(transport.ErrChanged),
		"run the same command again: it judges by what the server is now",
		"The server was rolled back, or replaced, since an earlier run found out what it is. Nothing was given up for it: run the same command again."},
	{"server-full", Unavailable, full,
		"let whoever runs the server make room, or raise the account's quota, then run the same command again",
		"The server has no room for what was sent. Make some, and run the same command again: what is there is not sent twice."},
	{"unavailable", Unavailable, is(transport.ErrUnavailable),
		"check that the server runs and the URL is right" + SeeDoctor + ", then run the same command again",
		"The server could not be reached, or is overloaded. Check that it runs, and try again."},
	{"no-such-chunk", Usage, as[*syncer.SelectError],
		"`engram-sync manifest` lists the ids of the remote, `engram-sync manifest --local` those of the directory",
		"No chunk, or more than one, has an id that begins so. List the ids, and give more digits."},
	{"not-stored", Refused, is(syncer.ErrNotStored, syncer.ErrOtherRows),
		"ask whoever runs the server: sending it again would change nothing",
		"The server accepted a chunk and does not have it. Ask whoever runs it."},
	{"bad-chunk-id", Refused, is(engram.ErrBadChunkID),
		"such a chunk can only be removed or renamed on the server",
		"The remote lists a chunk under an id that no directory can hold. It can only be removed or renamed there."},
	{"file-in-use", Unavailable, as[*sharing.InUseError],
		"close the program that has it open (an editor, a virus scanner), or see whether you have the right to change it, then run the same command again",
		"On Windows another program had a file open all the time, or you have no right to change it. Close that program, and run the same command again."},
	{"disk-full", Failed, is(syscall.ENOSPC),
		"free some space, then run the same command again",
		"There is no space left on the disk. Free some, and run the same command again."},
	{"read-only", Failed, is(syscall.EROFS),
		"mount it so that it can be written, or name places elsewhere: --dir for the chunks, XDG_STATE_HOME for what is remembered between runs",
		"The file system can only be read. Mount it otherwise, or name places on another one."},
	{"proxy-limit", Refused, proxyLimit,
		"raise what the proxy takes (nginx: client_max_body_size, Apache: LimitRequestBody, Caddy: request_body max_size), and run the same command again",
		"A proxy before the server takes no request of this size; the server has not been asked. Raise the proxy's limit, and run the same command again."},
	{"not-the-server", Refused, stranger,
		"check the remote's URL, or ask whoever runs the proxy or gateway there: nothing was given up",
		"A proxy or gateway before the server refused the request, or another program answers where the server should. Find out which: the run stopped, and no chunk and no mutation was given up."},
	{"refused", Refused, is(transport.ErrRefused),
		"ask whoever runs the server: trying again will not help",
		"The server refused the request for good. Ask whoever runs it."},

	{"out-of-time", Unavailable, outOfTime,
		"run the same command again, it goes on from there; or give it more time with --max-duration",
		"The run took longer than --max-duration or the setting max_duration allows. What was finished is kept, and the same command goes on from there."},

	// What names its next step itself.
	{"interrupted", Interrupted, signalled(os.Interrupt), "",
		"Ctrl-C ended the run. What was finished is kept, and the same command goes on from there."},
	{"hung-up", HungUp, signalled(syscall.SIGHUP), "",
		"The terminal was closed, or SIGHUP sent. What was finished is kept, and the same command goes on from there."},
	{"terminated", Terminated, signalled(syscall.SIGTERM), "",
		"SIGTERM ended the run. What was finished is kept, and the same command goes on from there."},
	{"filter", Failed, as[*terminal.FilterError], "",
		"What --jq or --template names is not in the document, so part of the result could not be printed. The work itself is done: see the whole document with --json, and mend the expression."},
	{"items-failed", asItsCause, as[*terminal.ExitStatus], "",
		"Some of what the run was about failed, and all the rest was done. Each failed item says why in a line of its own, and in JSON in the document's failed, with its class: a section of this page."},
	{"bad-usage", Usage, as[*terminal.UsageError], "",
		"What was asked for cannot be done as it stands. The message names the flag or setting to change."},
	{"no-remote", Usage, is(config.ErrNoRemote), "",
		"Nothing says which server to talk to. Pass --remote, or set one in the configuration."},
}

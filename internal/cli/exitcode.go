package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/engram-sync/engram-sync/internal/auth"
	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/config"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/engramdb"
	"github.com/engram-sync/engram-sync/internal/git"
	"github.com/engram-sync/engram-sync/internal/journal"
	"github.com/engram-sync/engram-sync/internal/mutationfile"
	"github.com/engram-sync/engram-sync/internal/repofile"
	"github.com/engram-sync/engram-sync/internal/server"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/syncer"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/transport"
	"github.com/engram-sync/engram-sync/internal/work"
)

// The exit codes, for scripts to act on.
const (
	codeOK          = 0
	codeFailed      = 1
	codeUsage       = 2
	codePartial     = 3
	codeAuth        = 4
	codeUnavailable = 5
	codeRefused     = 6
	codeDamaged     = 7
	codeUnknown     = 8
	codeDifferent   = 10
	codeLocked      = 11
	codeInterrupted = 130
	codeTerminated  = 143
)

// exitCodes is the one table: help texts and docs are made from it.
var exitCodes = []struct {
	code          int
	kind, meaning string
}{
	{codeOK, "ok", "done, or nothing to do"},
	{codeFailed, "failed", "unexpected failure"},
	{codeUsage, "usage", "usage or configuration"},
	{codePartial, "partial", "partial: some items moved, some failed (both listed)"},
	{codeAuth, "auth", "not authenticated"},
	{codeUnavailable, "unavailable", "remote unreachable or overloaded; the same command may work later"},
	{codeRefused, "refused", "refused by the server; retrying will not help"},
	{codeDamaged, "damaged", "data damaged: hash mismatch, truncated file, malformed manifest"},
	{codeUnknown, "unknown", "outcome unknown: the request may or may not have been applied"},
	{codeDifferent, "different", "there are differences (only with --exit-code)"},
	{codeLocked, "locked", "another engram-sync holds the lock on this directory or journal"},
	{codeInterrupted, "interrupted", "interrupted by SIGINT"},
	{codeTerminated, "terminated", "interrupted by SIGTERM"},
}

// kindOf is the word for a code, as JSON output has it.
func kindOf(code int) string {
	for _, c := range exitCodes {
		if c.code == code {
			return c.kind
		}
	}
	return "failed"
}

// Sets of codes that kinds of commands can return, for their help.
var (
	localCodes    = []int{codeOK, codeFailed, codeUsage}
	remoteCodes   = append(localCodes[:3:3], codeAuth, codeUnavailable, codeRefused, codeDamaged, codeInterrupted, codeTerminated)
	transferCodes = append(remoteCodes[:9:9], codePartial, codeUnknown, codeDifferent, codeLocked)
)

// withCodes ends a help text with the codes that the command can return.
func withCodes(long string, codes ...int) string {
	var b strings.Builder
	b.WriteString(long + "\n\nExit codes:\n\n") // indented by four, it is a list in Markdown too
	for _, c := range exitCodes {
		if slices.Contains(codes, c.code) {
			fmt.Fprintf(&b, "    %3d  %s\n", c.code, c.meaning)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// codeOf is the one place that turns an error into an exit code. What is more
// certain, or worse, is asked first.
func codeOf(err error) int {
	var status *terminal.ExitStatus
	var signal *terminal.Interrupted
	switch {
	case err == nil:
		return codeOK
	case errors.As(err, &status):
		return status.Code
	case errors.As(err, &signal):
		if signal.Signal == syscall.SIGTERM {
			return codeTerminated
		}
		return codeInterrupted
	case is(err, transport.ErrOutcomeUnknown, syncer.ErrUnconfirmed):
		return codeUnknown
	case isUsage(err):
		return codeUsage
	case as[*chunkdir.LockedError](err), as[*state.BusyError](err):
		return codeLocked
	case is(err, engram.ErrDamaged, engram.ErrNoFile, chunkdir.ErrNotRegular, server.ErrDamaged, state.ErrCursorDamaged),
		as[*state.PushJobError](err):
		return codeDamaged
	case as[*engram.ReducedError](err), as[*syncer.LeftOutError](err):
		return codePartial
	case is(err, transport.ErrUnauthorized, auth.ErrNotFound, auth.ErrLocked, auth.ErrNoKeyring, auth.ErrTooBig, auth.ErrCommand):
		return codeAuth
	case is(err, transport.ErrRefused, engram.ErrBadChunkID, syncer.ErrNotStored, syncer.ErrOtherBytes, chunkdir.ErrCollision):
		return codeRefused
	case is(err, journal.ErrChanged, journal.ErrBadPage),
		as[*engram.ContentError](err), as[*engram.BatchTooLargeError](err), as[*engram.PausedError](err):
		return codeRefused
	case is(err, transport.ErrUnavailable, engramdb.ErrBusy), as[*journal.UnstoredError](err):
		return codeUnavailable
	}
	return codeFailed
}

func isUsage(err error) bool {
	return as[*terminal.UsageError](err) || as[*git.SetupError](err) || as[*repofile.UnfitError](err) || as[*config.Error](err) || as[*syncer.SelectError](err) ||
		as[*chunkdir.NotFoundError](err) || as[*chunkdir.DataDirError](err) || as[*chunkdir.PathError](err) ||
		as[*mutationfile.BadLinesError](err) || as[*engramdb.SchemaError](err) || is(err, journal.ErrOtherSource, engramdb.ErrEmpty) ||
		is(err, server.ErrNoUser, server.ErrUserExists, server.ErrBadInput, server.ErrForeign, server.ErrInUse, fs.ErrExist) ||
		is(err, config.ErrNoRemote, transport.ErrBadURL, transport.ErrNotEngram, transport.ErrNoProject, transport.ErrOtherKind,
			transport.ErrTLS, transport.ErrCleartext, transport.ErrNoSignIn)
}

func is(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

func as[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

// codeOfAll is the exit code of a run over several items: interruption beats
// an unknown outcome, that beats damage; else it is partial if something moved,
// or else what the failures have in common.
func codeOfAll(moved int, failed []work.Failure) int {
	if len(failed) == 0 {
		return codeOK
	}
	codes := make([]int, len(failed))
	for i, f := range failed {
		codes[i] = codeOf(f.Err)
	}
	for _, worst := range []int{codeInterrupted, codeTerminated, codeUnknown, codeDamaged} {
		if slices.Contains(codes, worst) {
			return worst
		}
	}
	slices.SortFunc(codes, cmp.Compare)
	if moved > 0 || codes[0] != codes[len(codes)-1] {
		return codePartial
	}
	return codes[0]
}

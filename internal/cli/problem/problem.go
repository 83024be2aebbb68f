// Package problem is what an error means to the user: its exit code, its kind and the next step, by one table.
// The commands call it; nothing below them knows exit codes or flags.
package problem

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"

	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/transport"
	"github.com/engram-sync/engram-sync/internal/work"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// Class is what a class of errors means.
type Class struct {
	ID   string // for good: docs and scripts may name it
	Code int    // what it makes the exit code, unless a worse class is there too
	is   match
	Next string // the next step; "" where the error's own text names it
	// Meaning is two sentences: the cause, and the cure.
	Meaning string
}

// byWeight are the codes in the order in which they are looked for: what is
// more certain, or worse, comes first.
var byWeight = []int{Interrupted, Terminated, HungUp, Unknown, Usage, Locked, Damaged, Partial, Auth, Refused, Unavailable}

func find(fits func(*Class) bool) *Class {
	for i := range Classes {
		if fits(&Classes[i]) {
			return &Classes[i]
		}
	}
	return nil
}

// Code turns an error into an exit code.
func Code(err error) int {
	if err == nil {
		return OK
	}
	if status, ok := errors.AsType[*terminal.ExitStatus](err); ok {
		return status.Code
	}
	for _, code := range byWeight {
		if find(func(c *Class) bool { return c.Code == code && c.is(err, "") }) != nil {
			return code
		}
	}
	return Failed
}

// CodeOfAll is the exit code of a run over several items: interruption beats
// an unknown outcome, that beats damage; else it is partial if something moved,
// or else what the failures have in common.
func CodeOfAll(moved int, failed []work.Failure) int {
	if len(failed) == 0 {
		return OK
	}
	codes := make([]int, len(failed))
	for i, f := range failed {
		codes[i] = Code(f.Err)
	}
	for _, worst := range []int{Interrupted, Terminated, HungUp, Unknown, Damaged} {
		if slices.Contains(codes, worst) {
			return worst
		}
	}
	if slices.ContainsFunc(failed, func(f work.Failure) bool { return outOfTime(f.Err, "") }) {
		return Unavailable // and not partial: all of it may work later
	}
	slices.SortFunc(codes, cmp.Compare)
	if moved > 0 || codes[0] != codes[len(codes)-1] {
		return Partial
	}
	return codes[0]
}

// NextStep is what to do after an error; "" where its text names it already. A
// refused token is mended where it comes from, if that is known.
func NextStep(err error, tokenFrom string) string {
	c := find(func(c *Class) bool { return c.Next != "" && c.is(err, tokenFrom) })
	if c == nil {
		return ""
	}
	next := strings.ReplaceAll(c.Next, "VARIABLE", tokenFrom)
	if usage, ok := errors.AsType[*terminal.UsageError](err); ok {
		next = strings.ReplaceAll(next, "COMMAND", usage.Command)
	}
	if restorable, ok := errors.AsType[*workspace.RestorableError](err); ok {
		next = strings.ReplaceAll(next, "COMMAND", restorable.Command)
	}
	return next
}

// Judged is what failed, in JSON.
type Judged struct {
	Code    int    `json:"code"`
	Kind    string `json:"kind"`
	Class   string `json:"class"` // a section of docs/troubleshooting.md
	Message string `json:"message"`
}

// Judge says what an error means to a script.
func Judge(err error) Judged {
	return judge(err, "")
}

func judge(err error, tokenFrom string) Judged {
	code := Code(err)
	return Judged{Code: code, Kind: Kind(code), Class: classOf(err, code, tokenFrom), Message: terminal.OneLine(err.Error())}
}

// Unexpected is the id of an error that no class recognises.
const Unexpected = "unexpected"

// classOf is the id of the first class that recognises an error with this code.
func classOf(err error, code int, tokenFrom string) string {
	c := find(func(c *Class) bool { return (c.Code == code || c.Code == asItsCause) && c.is(err, tokenFrom) })
	if c == nil {
		return Unexpected
	}
	return c.ID
}

// Failure is an error as the terminal shows it.
func Failure(err error, tokenFrom string) terminal.Failure {
	j := judge(err, tokenFrom)
	return terminal.Failure{Code: j.Code, Kind: j.Kind, Class: j.Class, Message: j.Message, Hint: NextStep(err, tokenFrom)}
}

// Common says of an error that every other item would meet it too.
func Common(err error) bool {
	return Is(err, transport.ErrUnauthorized, transport.ErrNotEngram, transport.ErrTLS, transport.ErrProxy, transport.ErrCleartext, transport.ErrNoProject, syscall.ENOSPC) ||
		As[*transport.FailingError](err) ||
		refusedWith(transport.CodeForbidden, transport.CodePaused)(err, "") || accountGone(err, "") || stranger(err, "") && !proxyLimit(err, "") || full(err, "") || As[*transport.RetryLaterError](err) || transport.IsUnreachable(err)
}

// Forbidden says of an error that the server refuses the project.
func Forbidden(err error) bool { return refusedWith(transport.CodeForbidden)(err, "") }

// Unknowable says of an error in looking at one item that a later look may see more:
// nobody may act as if nothing were there. A 404 is no such error, as it can be for good.
func Unknowable(err error) bool {
	status, ok := errors.AsType[*transport.StatusError](err)
	return Common(err) || Code(err) == Unavailable && (!ok || status.Status != http.StatusNotFound)
}

// Passing says of an error in pushing an item that the next run may push it, or find that
// it is there.
func Passing(err error) bool { return Unknowable(err) || Code(err) == Unknown }

// Is says whether err is any of the targets.
func Is(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

// As says whether err has the type T.
func As[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// ProxyLimit says of an error that a proxy found one request too large.
func ProxyLimit(err error) bool { return proxyLimit(err, "") }

// Ended is the error of a run that its context may have ended: that is the cause then, unless the command
// has said itself how it ended, or what time alone ended left more behind than what it did not get to.
func Ended(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if err == nil || As[*terminal.ExitStatus](err) || !As[*terminal.Interrupted](cause) {
		return err
	}
	if outOfTime(cause, "") && slices.Contains([]int{Unknown, Damaged}, Code(err)) {
		return err
	}
	return cause
}

// The exit codes, for scripts to act on.
const (
	OK          = 0
	Failed      = 1
	Usage       = 2
	Partial     = 3
	Auth        = 4
	Unavailable = 5
	Refused     = 6
	Damaged     = 7
	Unknown     = 8
	Different   = 10
	Locked      = 11
	HungUp      = 129
	Interrupted = 130
	Terminated  = 143
)

// Codes are what the exit codes mean: help texts and docs are made from it.
var Codes = []struct {
	Code          int
	Kind, Meaning string
}{
	{OK, "ok", "done, or nothing to do"},
	{Failed, "failed", "unexpected failure"},
	{Usage, "usage", "usage or configuration"},
	{Partial, "partial", "partial: some items moved, some failed (both listed)"},
	{Auth, "auth", "not authenticated"},
	{Unavailable, "unavailable", "remote unreachable or overloaded; the same command may work later"},
	{Refused, "refused", "refused by the server or by a rule here; retrying will not help"},
	{Damaged, "damaged", "data damaged: hash mismatch, truncated file, malformed manifest"},
	{Unknown, "unknown", "outcome unknown: the request may or may not have been applied"},
	{Different, "different", "there are differences (only with --exit-code)"},
	{Locked, "locked", "another engram-sync holds the lock on this directory or journal"},
	{HungUp, "hung-up", "interrupted by SIGHUP"},
	{Interrupted, "interrupted", "interrupted by SIGINT"},
	{Terminated, "terminated", "interrupted by SIGTERM"},
}

// Kind is the word for a code, as JSON output has it.
func Kind(code int) string {
	for _, c := range Codes {
		if c.Code == code {
			return c.Kind
		}
	}
	return "failed"
}

// Sets of codes that kinds of commands can return, for their help.
var (
	Local    = []int{OK, Failed, Usage}
	SignIn   = []int{OK, Failed, Usage, Auth, Unavailable, Refused, HungUp, Interrupted, Terminated}
	Remote   = []int{OK, Failed, Usage, Auth, Unavailable, Refused, Damaged, HungUp, Interrupted, Terminated}
	Transfer = append(slices.Clip(Remote), Partial, Unknown, Different, Locked)
)

// CodesTitle stands between a help text and its exit codes.
const CodesTitle = "\n\nExit codes:\n\n"

// Help ends a help text with the codes that the command can return: those of a
// kind of commands, and more.
func Help(long string, kind []int, more ...int) string {
	var b strings.Builder
	b.WriteString(long + CodesTitle) // indented by four, it is a list in Markdown too
	for _, c := range Codes {
		if slices.Contains(kind, c.Code) || slices.Contains(more, c.Code) {
			fmt.Fprintf(&b, "    %3d  %s\n", c.Code, c.Meaning)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

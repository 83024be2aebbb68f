// Package problem is what an error means to the user: its exit code, its kind and the next step, by one table.
// The commands call it; nothing below them knows exit codes or flags.
package problem

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"syscall"

	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/transport"
	"github.com/engram-sync/engram-sync/internal/work"
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

// match recognises an error of a command that took its token from somewhere.
type match func(err error, tokenFrom string) bool

// byWeight are the codes in the order in which they are looked for: what is
// more certain, or worse, comes first.
var byWeight = []int{Interrupted, Terminated, Unknown, Usage, Locked, Damaged, Partial, Auth, Refused, Unavailable}

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
	var status *terminal.ExitStatus
	switch {
	case err == nil:
		return OK
	case errors.As(err, &status):
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
	for _, worst := range []int{Interrupted, Terminated, Unknown, Damaged} {
		if slices.Contains(codes, worst) {
			return worst
		}
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
	if usage := new(terminal.UsageError); errors.As(err, &usage) {
		next = strings.ReplaceAll(next, "COMMAND", usage.Command)
	}
	return next
}

// Judged is what failed, in JSON.
type Judged struct {
	Code    int    `json:"code"`
	Kind    string `json:"kind"`
	Message string `json:"message"`
}

// Judge says what an error means to a script.
func Judge(err error) Judged {
	code := Code(err)
	return Judged{Code: code, Kind: Kind(code), Message: terminal.OneLine(err.Error())}
}

// Failure is an error as the terminal shows it.
func Failure(err error, tokenFrom string) terminal.Failure {
	j := Judge(err)
	return terminal.Failure{Code: j.Code, Kind: j.Kind, Message: j.Message, Hint: NextStep(err, tokenFrom)}
}

// Common says of an error that every other item would meet it too.
func Common(err error) bool {
	return Is(err, transport.ErrUnauthorized, transport.ErrTLS, transport.ErrCleartext, transport.ErrNoProject, syscall.ENOSPC) ||
		refusedWith(transport.CodeForbidden, transport.CodePaused)(err, "") || accountGone(err, "") || As[*transport.RetryLaterError](err) || transport.IsUnreachable(err)
}

// Is says whether err is any of the targets.
func Is(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

// As says whether err has the type T.
func As[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

func is(targets ...error) match {
	return func(err error, _ string) bool { return Is(err, targets...) }
}

func as[T error](err error, _ string) bool { return As[T](err) }

// refusedWith recognises what a project server refused with one of these codes.
func refusedWith(codes ...string) match {
	return func(err error, _ string) bool {
		var status *transport.StatusError
		return errors.As(err, &status) && slices.Contains(codes, status.Code)
	}
}

// accountGone recognises what a server says to the token of an account that it has no more.
func accountGone(err error, _ string) bool {
	var status *transport.StatusError
	return errors.As(err, &status) && status.AccountGone()
}

// refusedToken recognises a token that is no good, of one of these sources.
func refusedToken(sources ...string) match {
	return func(err error, tokenFrom string) bool {
		return Is(err, transport.ErrUnauthorized) && !Is(err, ErrBadLogin) && slices.Contains(sources, tokenFrom)
	}
}

// signalled recognises the end by a signal: SIGTERM, or any other.
func signalled(term bool) match {
	return func(err error, _ string) bool {
		var signal *terminal.Interrupted
		return errors.As(err, &signal) && (signal.Signal == syscall.SIGTERM) == term
	}
}

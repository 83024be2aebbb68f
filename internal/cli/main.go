// Package cli is the command line of engram-sync: the root of the commands, whose groups have packages of their own.
// Only main runs it.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/engram-sync/engram-sync/internal/cli/problem"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

// Run runs the command line of this process, and gives its exit code.
func Run(ctx context.Context, version string) int {
	term := terminal.New(os.Stdin, os.Stdout, os.Stderr)
	return run(ctx, term, workspace.New(term, os.Environ(), version), os.Args[1:])
}

// run executes one command line and gives the exit code.
func run(ctx context.Context, term *terminal.Terminal, ws *workspace.Workspace, args []string) int {
	cmd := newRootCmd(term, ws)
	cmd.SetArgs(args)
	err := protect(func() error { return cmd.ExecuteContext(ctx) })
	if err == nil {
		err = term.Stdout.Err()
	}
	if err == nil {
		return problem.OK
	}
	done, printed := errors.AsType[*terminal.ExitStatus](err)
	if printed && done.Message == "" {
		return done.Code
	}
	if cause := context.Cause(ctx); problem.As[*terminal.Interrupted](cause) && !printed {
		err = cause
	}
	// A bad flag ends the parsing before --json is seen, and its error must be
	// JSON all the same.
	term.JSON = term.JSON || problem.As[*terminal.UsageError](err) && slices.Contains(args, "--json")
	term.Fail(problem.Failure(err, ws.TokenFrom))
	return problem.Code(err)
}

// protect turns a panic into an error: a stack trace tells a user nothing.
func protect(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("internal error: %v", r)
		}
	}()
	return f()
}

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/terminal"
)

// git runs git in one directory.
type git struct {
	dir string
	env []string
}

// gitHere are the variables by which git tells its hooks and aliases which
// repository they run in. We say that with the directory alone.
var gitHere = []string{
	"GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_PREFIX",
	"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE",
	"GIT_REPLACE_REF_BASE", "GIT_NO_REPLACE_OBJECTS", "GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT",
}

func (a *app) git(dir string) git {
	env := slices.DeleteFunc(slices.Clone(a.Environ), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains(gitHere, strings.ToUpper(name))
	})
	return git{dir: dir, env: env}
}

// run gives what git prints, without the newline at its end. The error of a git
// that said no is a *gitError.
func (g git) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env = g.dir, g.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.Is(err, exec.ErrNotFound):
		return "", terminal.Usagef("git is not installed, or not on the PATH")
	case errors.As(err, &exit):
		return "", &gitError{command: args[0], code: exit.ExitCode(), message: terminal.OneLine(stderr.String())}
	case err != nil:
		return "", fmt.Errorf("run git: %w", err)
	}
	return strings.TrimSuffix(stdout.String(), "\n"), nil
}

// gitError is a git that said no.
type gitError struct {
	command string
	code    int
	message string
}

func (e *gitError) Error() string { return fmt.Sprintf("git %s: %s", e.command, e.message) }

// config reads a variable of the repository's own configuration, with all its
// values.
func (g git) config(ctx context.Context, name string) ([]string, error) {
	text, err := g.run(ctx, "config", "--local", "--null", "--get-all", name)
	var no *gitError
	if errors.As(err, &no) && no.code == 1 {
		return nil, nil // there is none
	}
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(text, "\x00"), "\x00"), nil
}

// setConfig gives a variable one value in place of all that it has, and says
// whether that changed anything.
func (g git) setConfig(ctx context.Context, name, value string) (bool, error) {
	before, err := g.config(ctx, name)
	if err != nil || slices.Equal(before, []string{value}) {
		return false, err
	}
	_, err = g.run(ctx, "config", "--local", "--replace-all", name, value)
	return true, err
}

// unsetConfig removes a variable, and says whether it was there.
func (g git) unsetConfig(ctx context.Context, name string) (bool, error) {
	before, err := g.config(ctx, name)
	if err != nil || len(before) == 0 {
		return false, err
	}
	_, err = g.run(ctx, "config", "--local", "--unset-all", name)
	return true, err
}

// workTree is the top of the git work tree around dir, and dir seen from there.
func (g git) workTree(ctx context.Context) (top, inside string, err error) {
	top, err = g.run(ctx, "rev-parse", "--show-toplevel")
	var no *gitError
	if errors.As(err, &no) {
		return "", "", terminal.Usagef("%s is in no git work tree: %w", g.dir, err)
	}
	if err != nil {
		return "", "", err
	}
	if top, err = filepath.EvalSymlinks(filepath.FromSlash(top)); err != nil {
		return "", "", fmt.Errorf("find the top of the work tree: %w", err)
	}
	dir, err := filepath.EvalSymlinks(g.dir)
	if err != nil {
		return "", "", fmt.Errorf("find the chunk directory: %w", err)
	}
	inside, err = filepath.Rel(top, dir)
	if err != nil {
		return "", "", fmt.Errorf("find the chunk directory in the work tree: %w", err)
	}
	return top, filepath.ToSlash(inside), nil
}

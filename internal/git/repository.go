// Package git is what git knows of a directory: the work tree around it, its
// origin, its attributes, its merge driver. It stands below all that work in a
// repository, and knows nothing of chunks.
package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/secret"
)

// SetupError says what is wrong with git here, or with a file that it reads, for
// its user to mend.
type SetupError struct{ Err error }

func (e *SetupError) Error() string { return e.Err.Error() }
func (e *SetupError) Unwrap() error { return e.Err }

// repository runs git in one directory.
type repository struct {
	dir string
	env []string
}

// whichRepository are the variables by which git tells its hooks and aliases
// which repository they run in. We say that with the directory alone.
var whichRepository = []string{
	"GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_PREFIX",
	"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE",
	"GIT_REPLACE_REF_BASE", "GIT_NO_REPLACE_OBJECTS", "GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT",
}

func newRepository(dir string, environ []string) repository {
	env := slices.DeleteFunc(secret.WithoutTokens(environ), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains(whichRepository, strings.ToUpper(name))
	})
	return repository{dir: dir, env: append(env, "GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1", "GIT_TERMINAL_PROMPT=0")}
}

// carefully are the options of every call: no settings of a repository that somebody has
// hidden in another one, no hooks (a relative core.hooksPath leads into the work tree), no monitor.
var carefully = []string{"-c", "safe.bareRepository=explicit", "-c", "core.hooksPath=" + os.DevNull, "-c", "core.fsmonitor=false"}

// run gives what git prints, without the newline at its end. The error of a git
// that said no is a *commandError.
func (r repository) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", slices.Concat(carefully, args)...)
	cmd.Dir, cmd.Env = r.dir, r.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	exit, refused := errors.AsType[*exec.ExitError](err)
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.Is(err, exec.ErrNotFound):
		return "", &SetupError{errors.New("git is not installed, or not on the PATH")}
	case refused:
		return "", &commandError{command: args[0], code: exit.ExitCode(), message: strings.TrimSpace(stderr.String())}
	case err != nil:
		return "", fmt.Errorf("run git: %w", err)
	}
	return strings.TrimSuffix(stdout.String(), "\n"), nil
}

// commandError is a git that said no.
type commandError struct {
	command string
	code    int
	message string
}

func (e *commandError) Error() string { return fmt.Sprintf("git %s: %s", e.command, e.message) }

// config reads a variable of the repository's own configuration, with all its
// values.
func (r repository) config(ctx context.Context, name string) ([]string, error) {
	text, err := r.run(ctx, "config", "--local", "--null", "--get-all", name)
	if no, ok := errors.AsType[*commandError](err); ok && no.code == 1 {
		return nil, nil // there is none
	}
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(text, "\x00"), "\x00"), nil
}

// setConfig gives a variable one value in place of all that it has, and says
// whether that changed anything.
func (r repository) setConfig(ctx context.Context, name, value string) (bool, error) {
	before, err := r.config(ctx, name)
	if err != nil || slices.Equal(before, []string{value}) {
		return false, err
	}
	_, err = r.run(ctx, "config", "--local", "--replace-all", name, value)
	return true, err
}

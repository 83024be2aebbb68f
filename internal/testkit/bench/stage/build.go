package stage

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Build builds a main package of the module.
func (s *Stage) Build(ctx context.Context, to, pkg string) error { return build(ctx, s.Top, to, pkg) }

// build builds a main package of the module at top, as releases are built.
func build(ctx context.Context, top, to, pkg string) error {
	abs, err := filepath.Abs(to)
	if err != nil {
		return fmt.Errorf("build %s: %w", pkg, err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", abs, pkg)
	cmd.Dir = top
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w: %s", pkg, err, said)
	}
	return nil
}

// BuildNow builds engram-sync as it is, and what starts programs.
func (s *Stage) BuildNow(ctx context.Context) error {
	if err := s.Build(ctx, s.launch, "./scripts/bench/launch"); err != nil {
		return err
	}
	return s.Build(ctx, s.Now.Path, "./cmd/engram-sync")
}

// BuildBefore builds engram-sync as it was at a commit, in a work tree that goes again.
func (s *Stage) BuildBefore(ctx context.Context, commit string) (err error) {
	tree := s.Temp("tree")
	if _, err := git(ctx, s.Top, "worktree", "add", "--detach", tree, commit); err != nil {
		return err
	}
	defer func() {
		// Also when the run was interrupted: a work tree that stays is in everybody's way.
		_, removed := git(context.WithoutCancel(ctx), s.Top, "worktree", "remove", "--force", tree)
		err = errors.Join(err, removed)
	}()
	s.Before = &Program{Path: filepath.Join(s.Dir, "before", "engram-sync")}
	return build(ctx, tree, s.Before.Path, "./cmd/engram-sync")
}

// git asks git about the repository at top.
func git(ctx context.Context, top string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = top
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// Commit names a commit: its hash, and its day.
func (s *Stage) Commit(ctx context.Context, name string) (string, error) {
	return git(ctx, s.Top, "log", "-1", "--format=%h of %cs", name)
}

// Present names the commit that is checked out, and says where the files differ from it.
func (s *Stage) Present(ctx context.Context) (string, error) {
	commit, err := s.Commit(ctx, "HEAD")
	if err != nil {
		return "", err
	}
	changes, err := git(ctx, s.Top, "status", "--porcelain", "--", "*.go", "go.mod")
	if changes != "" {
		commit += ", with changes"
	}
	return commit, err
}

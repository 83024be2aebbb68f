package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Top is the top of the work tree that start lies in, as a real path: the
// nearest directory upwards with a .git, which is a directory in a clone, and a
// file in a linked work tree or a submodule. It is "" outside of a work tree. git
// itself is not asked.
func Top(start string) string {
	dir, err := filepath.Abs(start)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return ""
	}
	for {
		info, err := os.Stat(filepath.Join(dir, ".git"))
		if err == nil && (info.IsDir() || info.Mode().IsRegular()) {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// OnlyRepository is the name of the one repository right in dir; "" if there is
// none, or more than one. Hidden directories do not count.
func OnlyRepository(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	only := ""
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(dir, e.Name(), ".git")); err != nil || !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if only != "" {
			return ""
		}
		only = e.Name()
	}
	return only
}

// workTree is what git says is the top of the work tree around the directory,
// and the directory seen from there.
func (r repository) workTree(ctx context.Context) (top, inside string, err error) {
	top, err = r.run(ctx, "rev-parse", "--show-toplevel")
	var no *commandError
	if errors.As(err, &no) {
		return "", "", &SetupError{fmt.Errorf("%s is in no git work tree: %w", r.dir, err)}
	}
	if err != nil {
		return "", "", err
	}
	if top, err = filepath.EvalSymlinks(filepath.FromSlash(top)); err != nil {
		return "", "", fmt.Errorf("find the top of the work tree: %w", err)
	}
	dir, err := filepath.EvalSymlinks(r.dir)
	if err != nil {
		return "", "", fmt.Errorf("find the chunk directory: %w", err)
	}
	inside, err = filepath.Rel(top, dir)
	if err != nil {
		return "", "", fmt.Errorf("find the chunk directory in the work tree: %w", err)
	}
	return top, filepath.ToSlash(inside), nil
}

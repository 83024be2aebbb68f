package git

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/engram-sync/engram-sync/internal/repofile"
	"github.com/engram-sync/engram-sync/internal/secret"
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

// workTree is what git says is the top of the work tree around a directory, and the
// directory seen from there. git is asked at the top that we find, since a directory further
// down can hold what git takes for a repository, with settings that run programs. The path that git gives the top is not compared: one directory can have
// several, by mapped drives, short names and case.
func workTree(ctx context.Context, environ []string, dir string) (r repository, inside string, err error) {
	r = newRepository(cmp.Or(Top(dir), dir), environ)
	text, err := r.run(ctx, "rev-parse", "--show-cdup", "--show-prefix", "--show-toplevel") // the last fails where there is no work tree
	if _, no := errors.AsType[*commandError](err); no {
		return r, "", &SetupError{fmt.Errorf("%s is in no git work tree: run this in a repository, or make one with `git init` (%w)", dir, err)}
	}
	if err != nil {
		return r, "", err
	}
	lines := append(strings.SplitN(text, "\n", 3), "", "")
	dir, err = filepath.EvalSymlinks(dir)
	if err != nil {
		return r, "", fmt.Errorf("find the chunk directory: %w", err)
	}
	inside, err = filepath.Rel(r.dir, dir) // both are real paths
	if err != nil {
		return r, "", fmt.Errorf("find the chunk directory in the work tree: %w", err)
	}
	r.dir = filepath.Join(r.dir, filepath.FromSlash(lines[0]))
	return r, path.Join(lines[1], filepath.ToSlash(inside)), nil
}

// Bounds of git's own files.
const (
	maxConfig  = 1 << 20
	maxPointer = 64 << 10 // one that holds a path
)

// OriginName is the name of the repository that the remote origin of a work tree
// leads to; "" if there is no such remote. It reads the repository's own config
// file, and runs nothing: git itself would also do what that file says.
func OriginName(top string) (string, error) {
	dir, err := CommonDir(top)
	if err != nil {
		return "", err
	}
	text, err := repofile.Read(filepath.Join(dir, "config"), maxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	url := originURL(string(text))
	secret.AddURL(url)
	return repositoryName(url), err
}

// CommonDir is the directory with the config of a work tree, which linked work trees
// share: .git itself, or where a .git file leads to in those and in submodules.
func CommonDir(top string) (string, error) {
	path := filepath.Join(top, ".git")
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return path, err
	}
	dir, err := pathIn(path, top, "gitdir:")
	if err != nil {
		return "", err
	}
	common, err := pathIn(filepath.Join(dir, "commondir"), dir, "")
	if errors.Is(err, fs.ErrNotExist) {
		return dir, nil
	}
	return common, err
}

// pathIn is the path that a file of git's holds, relative to base.
func pathIn(file, base, prefix string) (string, error) {
	text, err := repofile.Read(file, maxPointer)
	if err != nil {
		return "", err
	}
	path := strings.TrimSpace(strings.TrimPrefix(string(text), prefix))
	if repofile.IsRemote(path) && !repofile.IsRemote(base) {
		return "", &SetupError{fmt.Errorf("%s leads to another machine (%q), and is not followed", file, path)}
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(base, path)
	}
	return path, nil
}

// originURL finds the last url of [remote "origin"], as git does. Includes are
// not followed, and lines not continued: `git remote add` writes neither.
func originURL(config string) string {
	url, inside := "", false
	for line := range strings.Lines(config) {
		line = strings.TrimSpace(line)
		if section, ok := strings.CutPrefix(line, "["); ok {
			name, _, _ := strings.Cut(section, "]")
			kind, which, _ := strings.Cut(name, " ")
			inside = strings.EqualFold(kind, "remote") && strings.TrimSpace(which) == `"origin"`
			continue
		}
		key, value, found := strings.Cut(line, "=")
		if inside && found && strings.EqualFold(strings.TrimSpace(key), "url") {
			url = strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return url
}

// repositoryName is the last part of a URL, of host:path, or of a path; "" for a URL without
// a path, where it would be a part of the host, or of a password before that.
func repositoryName(url string) string {
	url = strings.TrimRight(url, `/\`)
	if _, host, found := strings.Cut(url, "://"); found && !strings.ContainsAny(host, `/\`) {
		return ""
	}
	name := url[strings.LastIndexAny(url, `/\:`)+1:]
	return strings.TrimSuffix(name, ".git")
}

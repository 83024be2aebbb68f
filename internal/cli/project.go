package cli

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/terminal"
	"github.com/engram-sync/engram-sync/internal/workspace"
)

func projectAt(dir string, rule workspace.ProjectRule) (workspace.Project, error) {
	start, err := existing(dir)
	if err != nil {
		return workspace.Project{}, err
	}
	top := chunkdir.GitTop(start)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) && (rule == workspace.LegacyRule || rule == workspace.CurrentRule && top == "") {
		return workspace.Project{}, terminal.Usagef("%s does not exist: make it, or give --project", dir)
	}
	p, err := configuredProject(start, top)
	if err != nil || p.Name != "" {
		return p, err
	}
	if rule == workspace.RepositoryRule && top == "" {
		return p, terminal.Usagef("%s is in no git work tree that could name one", start)
	}
	p = workspace.Project{Name: filepath.Base(start), From: "the name of the directory " + start}
	if rule != workspace.LegacyRule {
		if p, err = projectOfGit(start, top, p); err != nil {
			return workspace.Project{}, err
		}
	}
	if name := engram.NormalizeProject(p.Name); name == "" || name == string(filepath.Separator) || name == "." {
		return workspace.Project{}, terminal.Usagef("no project has this directory's name: give one with --project")
	}
	return p, nil
}

// projectOfGit is what engram 1.16.1 takes from git: the name of origin or of the
// top of the work tree, and outside of one that of the only repository right
// below start. otherwise is what counts if there is none of these.
func projectOfGit(start, top string, otherwise workspace.Project) (workspace.Project, error) {
	if top == "" {
		if child := onlyRepository(start); child != "" {
			return workspace.Project{Name: child, From: "the only repository in " + start}, nil
		}
		return otherwise, nil
	}
	name, err := originName(top)
	if err != nil || name != "" {
		return workspace.Project{Name: name, From: "git's remote origin"}, err
	}
	return workspace.Project{Name: filepath.Base(top), From: "the name of the directory " + top}, nil
}

// onlyRepository is the name of the one git repository right in dir; "" if there
// is none, or more than one. Hidden directories do not count.
func onlyRepository(dir string) string {
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

// existing is the real path of the nearest directory upwards that is there:
// pull may yet have to make the others.
func existing(path string) (string, error) {
	for {
		real, err := filepath.EvalSymlinks(path)
		parent := filepath.Dir(path)
		if err == nil || !errors.Is(err, fs.ErrNotExist) || parent == path {
			return real, err
		}
		path = parent
	}
}

const maxProjectFile = 64 << 10

// configuredProject reads the nearest .engram/config.json, no further up than
// the top of the work tree. One that cannot be read is an error: the next guess
// would be another project, whose memories do not belong here.
func configuredProject(start, top string) (workspace.Project, error) {
	for at := start; ; at = filepath.Dir(at) {
		path := filepath.Join(at, chunkdir.DirName, "config.json")
		text, err := readRepoFile(path, maxProjectFile)
		if err == nil {
			var config struct {
				ProjectName string `json:"project_name"`
			}
			if err := json.Unmarshal(text, &config); err != nil {
				return workspace.Project{}, terminal.Usagef("%s: %w: mend it, or give --project", path, err)
			}
			if engram.NormalizeProject(config.ProjectName) != "" {
				return workspace.Project{Name: config.ProjectName, From: path}, nil
			}
		} else if !is(err, fs.ErrNotExist, syscall.ENOTDIR) {
			return workspace.Project{}, err
		}
		if top == "" || at == top {
			return workspace.Project{}, nil
		}
	}
}

// readRepoFile reads a small file of a repository, which anybody can have
// written: nothing but a regular file, and not more than limit bytes.
func readRepoFile(path string, limit int64) (text []byte, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, terminal.Usagef("%s is not a regular file of at most %d bytes", path, limit)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	return io.ReadAll(io.LimitReader(f, limit))
}

package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/git"
	"github.com/engram-sync/engram-sync/internal/repofile"
)

// project is the project that a repository belongs to.
type project struct {
	Name string // in the spelling of its source; never "" without an error
	From string // what named it
}

// projectRule says whose rules count where nothing names the project.
type projectRule int

const (
	// currentRule is that of engram 1.16.1: the name of git's origin, or of the
	// top of the work tree.
	currentRule projectRule = iota
	// legacyRule is that of engram 1.9.4: the name of the working directory.
	legacyRule
	// repositoryRule is currentRule within a git work tree only: elsewhere any
	// directory's name would do, and a server that allows every project would take it.
	repositoryRule
)

// serverProject is the project that a project server is asked about, as it names it.
func (a *app) serverProject() (project, error) {
	p, err := a.findProject(repositoryRule)
	p.Name = canon.NormalizeProject(p.Name)
	if err == nil && p.Name == "" {
		err = &usageError{err: fmt.Errorf("the project that %s names is blank", p.From)}
	}
	return p, err
}

// findProject resolves the project as engram does: what the configuration says
// (--project first), the nearest .engram/config.json of the repository, and then
// the rule. Source: local-state.md 1.1.
func (a *app) findProject(rule projectRule) (project, error) {
	if a.cfg.Project != "" {
		return project{a.cfg.Project, a.cfg.Sources["project"]}, nil
	}
	start, err := a.projectStart()
	if err != nil {
		return project{}, err
	}
	p, err := projectAt(start, rule)
	if err != nil {
		return project{}, fmt.Errorf("find the project: %w", err)
	}
	return p, nil
}

// projectStart is where engram would have run: beside the chunk directory, there
// or to be made, or here if that has another name than engram gives it.
func (a *app) projectStart() (string, error) {
	path, err := a.newDirectory()
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err == nil && filepath.Base(path) == chunkdir.DirName {
		return filepath.Dir(path), nil
	}
	if err != nil && !as[*chunkdir.NotFoundError](err) {
		return "", err
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the project: %w", err)
	}
	return wd, nil
}

func projectAt(dir string, rule projectRule) (project, error) {
	start, err := existing(dir)
	if err != nil {
		return project{}, err
	}
	top := git.Top(start)
	if _, err := os.Stat(dir); isMissing(err) && (rule == legacyRule || rule == currentRule && top == "") {
		return project{}, &usageError{err: fmt.Errorf("%s does not exist: make it, or give --project", dir)}
	}
	p, err := configuredProject(start, top)
	if err != nil || p.Name != "" {
		return p, err
	}
	if rule == repositoryRule && top == "" {
		return p, &usageError{err: fmt.Errorf("%s is in no git work tree that could name one", start)}
	}
	p = project{filepath.Base(start), "the name of the directory " + start}
	if rule != legacyRule {
		if p, err = projectOfGit(start, top, p); err != nil {
			return project{}, err
		}
	}
	if name := engram.NormalizeProject(p.Name); name == "" || name == string(filepath.Separator) || name == "." {
		return project{}, &usageError{err: errors.New("no project has this directory's name: give one with --project")}
	}
	return p, nil
}

// projectOfGit is what engram 1.16.1 takes from git: the name of origin or of the
// top of the work tree, and outside of one that of the only repository right
// below start. otherwise is what counts if there is none of these.
func projectOfGit(start, top string, otherwise project) (project, error) {
	if top == "" {
		if child := git.OnlyRepository(start); child != "" {
			return project{child, "the only repository in " + start}, nil
		}
		return otherwise, nil
	}
	name, err := git.OriginName(top)
	if err != nil || name != "" {
		return project{name, "git's remote origin"}, err
	}
	return project{filepath.Base(top), "the name of the directory " + top}, nil
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
func configuredProject(start, top string) (project, error) {
	for at := start; ; at = filepath.Dir(at) {
		path := filepath.Join(at, chunkdir.DirName, "config.json")
		text, err := repofile.Read(path, maxProjectFile)
		if err == nil {
			var config struct {
				ProjectName string `json:"project_name"`
			}
			if err := json.Unmarshal(text, &config); err != nil {
				return project{}, &usageError{err: fmt.Errorf("%s: %w: mend it, or give --project", path, err)}
			}
			if engram.NormalizeProject(config.ProjectName) != "" {
				return project{config.ProjectName, path}, nil
			}
		} else if !is(err, fs.ErrNotExist, syscall.ENOTDIR) {
			return project{}, err
		}
		if top == "" || at == top {
			return project{}, nil
		}
	}
}

package workspace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/engram-sync/engram-sync/internal/canon"
	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// Project is the project that a repository belongs to.
type Project struct {
	Name string // in the spelling of its source; never "" without an error
	From string // what named it
}

// ProjectRule says whose rules count where nothing names the project.
type ProjectRule int

const (
	// CurrentRule is that of engram 1.16.1: the name of git's origin, or of the
	// top of the work tree.
	CurrentRule ProjectRule = iota
	// LegacyRule is that of engram 1.9.4: the name of the working directory.
	LegacyRule
	// RepositoryRule is CurrentRule within a git work tree only: elsewhere any
	// directory's name would do, and a server that allows every project would take it.
	RepositoryRule
)

// ServerProject is the project that a project server is asked about, as it names it.
func (w *Workspace) ServerProject() (Project, error) {
	p, err := w.FindProject(RepositoryRule)
	p.Name = canon.NormalizeProject(p.Name)
	if err == nil && p.Name == "" {
		err = terminal.Usagef("the project that %s names is blank", p.From)
	}
	return p, err
}

// FindProject resolves the project as engram does: what the configuration says
// (--project first), the nearest .engram/config.json of the repository, and then
// the rule. Source: local-state.md 1.1.
func (w *Workspace) FindProject(rule ProjectRule) (Project, error) {
	if w.Config.Project != "" {
		return Project{w.Config.Project, w.Config.Sources["project"]}, nil
	}
	start, err := w.projectStart()
	if err != nil {
		return Project{}, err
	}
	p, err := w.ProjectAt(start, rule)
	if err != nil {
		return Project{}, fmt.Errorf("find the project: %w", err)
	}
	return p, nil
}

// projectStart is where engram would have run: beside the chunk directory, there
// or to be made, or here if that has another name than engram gives it.
func (w *Workspace) projectStart() (string, error) {
	path, err := w.NewDirectory()
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err == nil && filepath.Base(path) == chunkdir.DirName {
		return filepath.Dir(path), nil
	}
	if missing := new(*chunkdir.NotFoundError); err != nil && !errors.As(err, missing) {
		return "", err
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the project: %w", err)
	}
	return wd, nil
}

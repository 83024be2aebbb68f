package workspace

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/git"
	"github.com/engram-sync/engram-sync/internal/repofile"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// Project is the project that a repository belongs to.
type Project struct {
	Name string // in the spelling of its source; never "" without an error
	From string // what named it
	// Older is what engram 1.x would take, and from where, if that is another; else "".
	Older string
	// Claimed is the top of the work tree of which a file chose the project, where nothing
	// else does: then Trusts has to say that it may be used. Else "".
	Claimed string
}

// ProjectRule says whose rules count where nothing names the project.
type ProjectRule int

const (
	// CurrentRule is that of engram 1.16.1 and later: what 2.x has bound the clone to, the
	// name of git's origin, or of the top of the work tree.
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
	p.Name = engram.NormalizeProject(p.Name)
	switch {
	case err != nil:
		return Project{}, err
	case p.Name == "":
		return Project{}, terminal.Usagef("the project that %s names is blank", p.From)
	case p.Name == ownProject:
		return Project{}, terminal.Usagef("%s names %s, which engram keeps for itself, and no server has", p.From, ownProject)
	}
	return p, nil
}

// ownProject is the name that engram 3.x keeps for itself. Source: engram-2.md 3, 10.
const ownProject = "inbox"

// RepositoryProject is the project of the git work tree that the chunk directory is
// in, or will be: only its chunks are for the directory. Outside of one there is none,
// unless --project names it: a backup holds all.
func (w *Workspace) RepositoryProject() (Project, error) {
	path, err := w.newDirectory()
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if _, missing := errors.AsType[*chunkdir.NotFoundError](err); missing {
		return Project{}, nil
	}
	if err != nil {
		return Project{}, fmt.Errorf("find the project: %w", err)
	}
	start, err := existing(filepath.Dir(path))
	if err != nil {
		return Project{}, fmt.Errorf("find the project: %w", err)
	}
	real, err := existing(path) // which a link may lead elsewhere
	if err != nil {
		return Project{}, fmt.Errorf("find the project: %w", err)
	}
	if git.Top(real) == "" && git.Top(start) == "" && !w.Inputs.Flags.Changed("project") {
		return Project{}, nil
	}
	p := w.configured()
	if p.Name == "" {
		if git.Top(real) != "" && filepath.Base(path) != chunkdir.DirName {
			start = real
		}
		if p, err = projectAt(start, RepositoryRule); err != nil {
			return Project{}, fmt.Errorf("find the project: %w", err)
		}
		w.warnOlder(p)
	}
	p.Name = engram.NormalizeProject(p.Name)
	if p.Name == "" {
		return p, terminal.Usagef("the project that %s names is blank", p.From)
	}
	return p, nil
}

// FindProject resolves the project as engram does: what the configuration says
// (--project first), the nearest .engram/config.json of the repository, and then
// the rule. Source: local-state.md 1.1, engram-2.md 5.
func (w *Workspace) FindProject(rule ProjectRule) (Project, error) {
	if p := w.configured(); p.Name != "" {
		return p, nil
	}
	start, err := projectStart(w)
	if err != nil {
		return Project{}, err
	}
	p, err := projectAt(start, rule)
	if err != nil {
		return Project{}, fmt.Errorf("find the project: %w", err)
	}
	w.warnOlder(p)
	return p, nil
}

// warnOlder says, once in a run, that teammates with engram 1.x file under another name.
func (w *Workspace) warnOlder(p Project) {
	if p.Older == "" {
		return
	}
	w.older.Do(func() {
		w.term.Warn(fmt.Sprintf("the project is %s, from %s; engram 1.x would take %s: --project or .engram-sync.yaml says which it is",
			terminal.Visible(p.Name), terminal.Visible(p.From), p.Older))
	})
}

// projectStart is where engram would have run: beside the chunk directory, there
// or to be made, or here if that has another name than engram gives it.
func projectStart(w *Workspace) (string, error) {
	path, err := w.newDirectory()
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err == nil && filepath.Base(path) == chunkdir.DirName {
		return filepath.Dir(path), nil
	}
	if _, missing := errors.AsType[*chunkdir.NotFoundError](err); err != nil && !missing {
		return "", err
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the project: %w", err)
	}
	return wd, nil
}

func projectAt(dir string, rule ProjectRule) (Project, error) {
	start, err := existing(dir)
	if err != nil {
		return Project{}, err
	}
	top := git.Top(start)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) && (rule == LegacyRule || rule == CurrentRule && top == "") {
		return Project{}, terminal.Usagef("%s does not exist: make it, or give --project", dir)
	}
	p, err := configuredProject(start, top)
	if err != nil || p.Name != "" {
		return p, err
	}
	if rule == RepositoryRule && top == "" {
		return p, terminal.Usagef("%s is in no git work tree that could name one", start)
	}
	p = Project{Name: filepath.Base(start), From: "the name of the directory " + start}
	if rule != LegacyRule {
		if p, err = projectOfGit(start, top, p); err != nil {
			return Project{}, err
		}
	}
	if name := engram.NormalizeProject(p.Name); name == "" || name == string(filepath.Separator) || name == "." {
		return Project{}, terminal.Usagef("no project has this directory's name: give one with --project")
	}
	return p, nil
}

// projectOfGit is what engram takes from git: what 2.x has bound the clone to, and what
// 1.16.1 takes, the name of origin or of the top of the work tree; outside of one that of
// the only repository right below start. otherwise is what counts if there is none of these.
func projectOfGit(start, top string, otherwise Project) (Project, error) {
	if top == "" {
		if child := git.OnlyRepository(start); child != "" {
			return Project{Name: child, From: "the only repository in " + start}, nil
		}
		return otherwise, nil
	}
	older := Project{Name: filepath.Base(top), From: "the name of the directory " + top}
	if name, err := git.OriginName(top); err != nil {
		return Project{}, err
	} else if name != "" {
		older = Project{Name: name, From: "git's remote origin"}
	}
	bound, err := boundProject(top)
	if err != nil || bound.Name == "" {
		return older, err
	}
	if engram.ProjectKey(bound.Name) != engram.ProjectKey(older.Name) {
		bound.Older = fmt.Sprintf("%s, from %s", terminal.Visible(older.Name), terminal.Visible(older.From))
	}
	return bound, nil
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

// configuredProject reads the nearest .engram/config.json, no further up than
// the top of the work tree. One that cannot be read is an error: the next guess
// would be another project, whose memories do not belong here.
func configuredProject(start, top string) (Project, error) {
	for at := start; ; at = filepath.Dir(at) {
		path := filepath.Join(at, chunkdir.DirName, "config.json")
		tree := cmp.Or(top, at)
		text, err := repofile.ReadWithin(tree, path, maxProjectFile)
		if err == nil {
			var config struct {
				ProjectName string `json:"project_name"`
			}
			if err := json.Unmarshal(text, &config); err != nil {
				return Project{}, terminal.Usagef("%s: %w: correct it, or give --project", path, err)
			}
			if engram.NormalizeProject(config.ProjectName) != "" {
				return claimed(Project{Name: config.ProjectName, From: path}, tree, top), checkName(config.ProjectName, path)
			}
		} else if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return Project{}, err
		}
		if top == "" || at == top {
			return Project{}, nil
		}
	}
}

package workspace

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/git"
	"github.com/engram-sync/engram-sync/internal/repofile"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// bindingName is the file in which engram 2.x keeps the project of a clone, once it has
// chosen one: a later change of origin or of the directory's name changes nothing. It is
// engram's, and only read. Source: engram-2.md 5.
const bindingName = "engram-project-identity.json"

// maxProjectFile bounds the files that name a project.
const maxProjectFile = 64 << 10

// boundProject is the project that engram 2.x has bound the clone of a work tree to; none
// where there is no such file. One that cannot be read is an error: the next guess
// would be another project.
func boundProject(top string) (Project, error) {
	dir, err := git.CommonDir(top)
	if err != nil {
		return Project{}, err
	}
	path := filepath.Join(dir, bindingName)
	text, err := repofile.Read(path, maxProjectFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Project{}, nil
	}
	if err != nil {
		return Project{}, err
	}
	var binding struct {
		Version int    `json:"version"`
		Project string `json:"project"`
	}
	err = json.Unmarshal(text, &binding)
	if err == nil && (binding.Version < 1 || engram.NormalizeProject(binding.Project) == "") {
		err = errors.New("it lacks a version or a project")
	}
	if err != nil {
		return Project{}, terminal.Usagef("%s: %w: remove it, so that engram makes it anew, or give --project", path, err)
	}
	return Project{Name: binding.Project, From: "engram's binding " + path}, checkName(binding.Project, path)
}

// checkName refuses what engram takes for no name of a project, where a file has it.
// Source: engram-2.md 5.
func checkName(name, path string) error {
	if strings.ContainsAny(name, `/\`) || strings.ContainsFunc(name, unicode.IsControl) {
		return terminal.Usagef(`%s names the project %q: no name has "/", "\" or control characters: correct it, or give --project`, path, name)
	}
	return nil
}

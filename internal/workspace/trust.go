package workspace

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/git"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// claimed is a project that a file in a work tree names (top is that of the git work
// tree, "" outside of one). Whoever could commit wrote that file, so the user's word is needed
// before memories of the project move, unless origin has the same name, or it would be
// the same without the file.
func claimed(p Project, tree, top string) Project {
	if top != "" {
		origin, _ := git.OriginName(top) // one that cannot be read has no name
		otherwise, _ := projectOfGit(top, top, Project{})
		if key := engram.ProjectKey(p.Name); key == engram.ProjectKey(origin) || key == engram.ProjectKey(otherwise.Name) {
			return p
		}
	}
	p.Claimed = tree
	return p
}

// configured is the project that the configuration names; without a name if it names none.
func (w *Workspace) configured() Project {
	p := Project{Name: w.Config.Project, From: w.Config.Sources["project"]}
	if p.Name == "" || !w.Config.ProjectByRepo {
		return p
	}
	if p.From != w.Inputs.RepoFile {
		p.From += ", for the remote that " + w.Inputs.RepoFile + " chose"
	}
	tree := filepath.Dir(w.Inputs.RepoFile)
	return claimed(p, tree, tree)
}

// Trusts says whether memories of a project may move between here and a remote, as
// Connection.Label has it. "" is no remote: then it does not matter for which one the word was given.
func (w *Workspace) Trusts(p Project, remote string) bool {
	return p.Claimed == "" || slices.ContainsFunc(state.Words(w.State()), func(word state.Word) bool {
		return word.WorkTree == p.Claimed && word.Project == engram.ProjectKey(p.Name) && (remote == "" || word.Remote == remote)
	})
}

// Trust remembers the user's word for a project that has to be trusted.
func (w *Workspace) Trust(p Project, remote string) (state.Word, error) {
	word := state.Word{Remote: remote, WorkTree: p.Claimed, Project: engram.ProjectKey(p.Name), Given: time.Now().UTC().Truncate(time.Second)}
	return word, word.Give(w.State())
}

// Untrusted says that a project needs the user's word.
func (w *Workspace) Untrusted(p Project, remote string) *UntrustedError {
	return &UntrustedError{Project: p, Remote: remote}
}

// ShellWord is a text as one word of a command line that can be copied.
func ShellWord(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/.:_-+,=@%", r)
	}
	if text != "" && strings.TrimFunc(text, plain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// UntrustedError says that a file of a repository chose a project whose memories the user
// has not allowed to move.
type UntrustedError struct {
	Project Project
	Remote  string // "" if nothing would go there
}

// Choice is what has to be trusted, as the beginning of a sentence.
func (e *UntrustedError) Choice() string {
	return fmt.Sprintf("project %s is the choice of a file of this repository (%s), and not git's origin",
		terminal.Visible(engram.NormalizeProject(e.Project.Name)), terminal.Visible(e.Project.From))
}

// Between is what its memories would move between.
func (e *UntrustedError) Between() string {
	other := e.Remote
	if other == "" {
		other = "engram.db"
	}
	return terminal.Visible(e.Project.Claimed) + " and " + other
}

func (e *UntrustedError) Error() string {
	return fmt.Sprintf("%s: if its memories may move between %s, say so once with `engram-sync trust`, else name the project with --project",
		e.Choice(), e.Between())
}

// Claims are the projects that files of the repository name here and that have to be
// trusted before they are used, most often none or one.
func (w *Workspace) Claims() ([]Project, error) {
	found, err := w.FindProject(RepositoryRule)
	own, ownErr := w.RepositoryProject()
	if err != nil && ownErr != nil {
		return nil, err
	}
	var claims []Project
	for _, p := range []Project{found, own} {
		same := func(other Project) bool {
			return other.Claimed == p.Claimed && engram.ProjectKey(other.Name) == engram.ProjectKey(p.Name)
		}
		if p.Claimed != "" && !slices.ContainsFunc(claims, same) {
			claims = append(claims, p)
		}
	}
	return claims, nil
}

// WorkTrees are the directories here that what is trusted can be about.
func (w *Workspace) WorkTrees() []string {
	var trees []string
	if wd, err := os.Getwd(); err == nil {
		if real, err := filepath.EvalSymlinks(wd); err == nil {
			trees = append(trees, cmp.Or(git.Top(real), real))
		}
	}
	claims, _ := w.Claims() // what names no project here, names none that could be revoked
	for _, p := range claims {
		trees = append(trees, p.Claimed)
	}
	return trees
}

package git

import (
	"context"
	"path"
	"path/filepath"
	"strings"
)

// Files is what git makes of the files in a directory. The zero value knows nothing,
// as where there is no work tree, or no git.
type Files struct {
	known bool
	dir   string            // from the top of the work tree, with slashes
	odd   map[string]string // path from the top to git's two letters
}

// Status asks git about the files in a directory. It reads them, and runs nothing
// that the repository asks for.
func Status(ctx context.Context, dir string, environ []string) Files {
	repo, inside, err := workTree(ctx, environ, dir)
	if err != nil {
		return Files{}
	}
	text, err := repo.run(ctx, "status", "--porcelain=v1", "-z", "--no-renames", "--ignore-submodules=all",
		"--untracked-files=all", "--ignored=traditional", "--", ":(literal)"+inside)
	if err != nil {
		return Files{}
	}
	f := Files{known: true, dir: inside, odd: map[string]string{}}
	for line := range strings.SplitSeq(text, "\x00") {
		if len(line) > 3 {
			f.odd[line[3:]] = line[:2]
		}
	}
	return f
}

// letters are git's about a file, or about a directory that it lies in.
func (f Files) letters(name string) string {
	if !f.known {
		return ""
	}
	at := path.Join(f.dir, filepath.ToSlash(name))
	if odd := f.odd[at]; odd != "" {
		return odd
	}
	for i := range len(at) {
		if at[i] == '/' && f.odd[at[:i+1]] != "" {
			return f.odd[at[:i+1]]
		}
	}
	return ""
}

// Known says whether git told anything: there is a git, and a work tree that it takes.
func (f Files) Known() bool { return f.known }

// Has says whether git has just these bytes of a file that is there.
func (f Files) Has(name string) bool {
	odd := f.letters(name)
	return f.known && (odd == "" || odd == "A ")
}

// Untracked says whether git does not have a file, and Ignored whether it was told so.
func (f Files) Untracked(name string) bool { return f.letters(name) == "??" }

// Ignored says whether git was told to leave a file out.
func (f Files) Ignored(name string) bool { return f.letters(name) == "!!" }

// Deleted says whether git has a file that is missing here.
func (f Files) Deleted(name string) bool { return strings.Contains(f.letters(name), "D") }

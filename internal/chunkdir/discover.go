package chunkdir

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/engram-sync/engram-sync/internal/git"
)

// DirName is the name under which a chunk directory lies in a repository.
const DirName = ".engram"

// DataDirError says that a path is engram's own data directory, which shares
// the name of chunk directories, and holds a database and credentials.
type DataDirError struct {
	Path string
}

func (e *DataDirError) Error() string {
	return fmt.Sprintf("%s is engram's own data directory, not a chunk directory: "+
		"run this inside the repository, or name its %s with --dir", e.Path, DirName)
}

// NotFoundError says that no chunk directory was found.
type NotFoundError struct {
	Start  string // where the search began
	GitTop string // where it ended: the top of the git work tree; "" outside of one
}

func (e *NotFoundError) Error() string {
	if e.GitTop == "" {
		return fmt.Sprintf("no %s in %s, which is not inside a git work tree: "+
			"run this inside the repository, or name the chunk directory with --dir", DirName, e.Start)
	}
	return fmt.Sprintf("no %s from %s up to the top of the git work tree %s: "+
		"make one with `engram sync`, or name the chunk directory with --dir", DirName, e.Start, e.GitTop)
}

// Discover finds the chunk directory for a working directory: the nearest
// .engram upwards, no further than the top of the git work tree. Outside of a
// work tree only start itself is looked at: a directory further up can belong
// to anybody, like one in /tmp. As git does, it goes by the real path of start.
//
// The nearest one decides: if it is engram's own data directory (dataDir, ""
// where that is not known, or one that looks like it), the error is a
// *DataDirError. If there is none, it is a *NotFoundError.
func Discover(start, dataDir string) (string, error) {
	dir, err := filepath.Abs(start)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return "", fmt.Errorf("cannot look for a chunk directory: %w", err)
	}
	top := git.Top(dir)
	for at := dir; ; at = filepath.Dir(at) {
		path := filepath.Join(at, DirName)
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			if isDataDir(path, dataDir) {
				return "", &DataDirError{Path: path}
			}
			return path, nil
		}
		if top == "" || at == top {
			return "", &NotFoundError{Start: dir, GitTop: top}
		}
	}
}

// isDataDir says whether path, which need not exist, is engram's data
// directory: the known one, or one with the files that only engram puts there.
func isDataDir(path, dataDir string) bool {
	if dataDir != "" && samePath(path, dataDir) {
		return true
	}
	for _, name := range []string{"engram.db", "cloud.json"} {
		if _, err := os.Lstat(filepath.Join(path, name)); err == nil {
			return true
		}
	}
	return false
}

func samePath(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	if errA == nil && errB == nil {
		return os.SameFile(infoA, infoB)
	}
	absB, err := filepath.Abs(b)
	return err == nil && filepath.Clean(a) == absB
}

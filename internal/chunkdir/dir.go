// Package chunkdir is the on-disk format of a chunk directory, `.engram/`:
// manifest.json and chunks/<id>.jsonl.gz. Commands open one and hand it to the
// loops, which see it through interfaces of their own.
//
// It reads what engram writes, strictly and within limits, and writes so that
// each file is whole or absent. The directory comes out of a repository, so its
// content is hostile until checked: only regular files are read, a symbolic link
// inside of it is never followed, and names are chunk ids or nothing. The directory
// itself may be a link, but to nothing outside of the git work tree that the link is in.
package chunkdir

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/git"
	"github.com/engram-sync/engram-sync/internal/repofile"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// What is in a chunk directory: the file of the manifest, and the directory of the chunks, whose names have a suffix. engram
// writes one JSON object per file, and calls it JSON Lines.
const (
	ManifestName = "manifest.json"
	ChunksName   = "chunks"
	ChunkSuffix  = ".jsonl.gz"
)

const (
	// engram's own files, in its data directory.
	databaseName = "engram.db"
	cloudName    = "cloud.json"

	// engram's modes, before umask.
	dirPerm  = 0o755
	filePerm = 0o644
)

// ErrNotRegular is wrapped by the errors about something that has the name of a
// chunk or the manifest, but is a symbolic link, a directory, a pipe or a device.
var ErrNotRegular = repofile.ErrNotRegular

// Options are the settings of a Dir. The zero value is good for reading.
type Options struct {
	// MaxChunkBytes bounds the uncompressed size of one chunk; 0 is
	// engram.DefaultMaxChunkBytes.
	MaxChunkBytes int64
	// StateDir is our own state directory. It tells who holds a lock, and on
	// Windows it holds the lock itself. It is created where it is missing.
	StateDir string
	// DataDir is engram's data directory, "" if not known: never a chunk directory.
	DataDir string
}

// Dir is a chunk directory. It keeps nothing open, and nothing of it in memory but
// the names that are in the way of chunks. Its methods may be called concurrently; those that change the directory
// expect their caller to hold its Lock.
type Dir struct {
	path string
	opts Options
	// As the last listing was; nil before the first one.
	misspelt atomic.Pointer[map[engram.ChunkID]string]
	unlisted atomic.Int32 // chunks that were opened before it
}

// Open gives the chunk directory at path, which must be a directory, but need
// not hold anything yet. engram's own data directory gives a *DataDirError.
func Open(path string, opts Options) (*Dir, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open the chunk directory: %w", err)
	}
	if err := repofile.CheckLinks(abs); err != nil {
		return nil, err
	}
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &PathError{Path: abs, Reason: "it does not exist: give another --dir, or let pull make it", Err: err}
	case err != nil:
		return nil, fmt.Errorf("cannot open the chunk directory: %w", err)
	case !info.IsDir():
		return nil, &PathError{Path: abs, Reason: "it is a file: move it away, or give another --dir"}
	case isDataDir(abs, opts.DataDir):
		return nil, &DataDirError{Path: abs}
	case holdsAnother(abs):
		return nil, &PathError{Path: abs, Reason: "it holds one: give --dir " + filepath.Join(abs, DirName)}
	case isChunksOfOne(abs):
		return nil, &PathError{Path: abs, Reason: "it is where one keeps its chunk files: give --dir " + filepath.Dir(abs)}
	}
	if opts.MaxChunkBytes <= 0 {
		opts.MaxChunkBytes = engram.DefaultMaxChunkBytes
	}
	return &Dir{path: abs, opts: opts}, nil
}

// PathError says that a path cannot be a chunk directory, and what to do.
type PathError struct {
	Path, Reason string
	Err          error // fs.ErrNotExist where nothing is there
}

func (e *PathError) Error() string { return e.Path + " is no chunk directory: " + e.Reason }

func (e *PathError) Unwrap() error { return e.Err }

func isLink(err error) bool {
	_, is := errors.AsType[*repofile.LinkError](err)
	return is
}

// holdsAnother says whether path is the repository around a chunk directory,
// which is easily named in its place, and would look like an empty one.
func holdsAnother(path string) bool {
	info, err := os.Lstat(filepath.Join(path, DirName))
	return err == nil && (info.IsDir() || info.Mode()&fs.ModeSymlink != 0) && !holds(path, ManifestName, ChunksName)
}

// isChunksOfOne says whether path is the chunks/ of a chunk directory, which would
// look like an empty one too.
func isChunksOfOne(path string) bool {
	return filepath.Base(path) == ChunksName && !holds(path, ManifestName, ChunksName) &&
		(filepath.Base(filepath.Dir(path)) == DirName || holds(filepath.Dir(path), ManifestName))
}

// holds says whether any of the names is in a directory.
func holds(path string, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		_, err := os.Lstat(filepath.Join(path, name))
		return err == nil
	})
}

// Blank says whether the directory has neither a manifest nor a chunk file. Beside a manifest
// the files need not be listed: that they can be is all that is looked for.
func (d *Dir) Blank(ctx context.Context) (bool, error) {
	if !holds(d.path, ManifestName) {
		listing, err := d.Files(ctx)
		return len(listing.Chunks) == 0, err
	}
	f, err := d.openChunks()
	if f != nil {
		err = f.Close()
	}
	if err != nil {
		return false, fmt.Errorf("cannot list the chunk files: %w", err)
	}
	return false, nil
}

// Leftovers are the names of things in the directory that do not belong beside a
// manifest: engram's own files, and a chunk directory in this one.
func (d *Dir) Leftovers() []string {
	return slices.DeleteFunc([]string{databaseName, cloudName, DirName}, func(name string) bool { return !holds(d.path, name) })
}

// Occupant is the name of a thing in the directory that tells that it is for something
// else; "" where chunks may come into it: into an empty one, one that has a manifest or
// chunks, and one of the name that engram gives them.
func (d *Dir) Occupant() (string, error) {
	if filepath.Base(d.path) == DirName || holds(d.path, ManifestName, ChunksName) {
		return "", nil
	}
	f, err := sharing.Open(d.path)
	if err != nil {
		return "", fmt.Errorf("cannot look into the chunk directory: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	for {
		names, err := f.Readdirnames(64)
		for _, name := range names {
			if !slices.Contains([]string{"config.json", ".gitignore", ".gitattributes", ".gitkeep", "lost+found"}, name) && !atomicfile.IsTemporary(name) {
				return name, nil
			}
		}
		if errors.Is(err, io.EOF) {
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("cannot look into the chunk directory: %w", err)
		}
	}
}

// Create is Open for a directory that may be missing: it and its parents are
// made then, with mode 0755 and umask.
func Create(path string, opts Options) (*Dir, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("cannot create the chunk directory: %w", err)
	}
	// Before anything is made in the place of a data directory that is not there yet.
	if isDataDir(abs, opts.DataDir) {
		return nil, &DataDirError{Path: abs}
	}
	if err := repofile.CheckLinks(abs); err != nil {
		return nil, err
	}
	info, err := os.Stat(abs)
	switch {
	case err == nil && !info.IsDir():
		return Open(abs, opts)
	case err != nil && holds(filepath.Dir(abs), filepath.Base(abs)):
		return nil, &PathError{Path: abs, Reason: "it is a link to nothing: give another --dir"}
	}
	if err := os.MkdirAll(abs, dirPerm); err != nil {
		return nil, fmt.Errorf("cannot create the chunk directory: %w", err)
	}
	return Open(abs, opts)
}

// Path is the absolute path of the directory.
func (d *Dir) Path() string { return d.path }

func (d *Dir) manifestPath() string { return filepath.Join(d.path, ManifestName) }

func (d *Dir) chunkPath(id engram.ChunkID) string { return filepath.Join(d.path, ChunkName(id)) }

// ChunkName is where a chunk lies in a chunk directory.
func ChunkName(id engram.ChunkID) string { return filepath.Join(ChunksName, id.String()+ChunkSuffix) }

// checkChunks refuses a chunks that leads elsewhere. A missing one gives an
// error that wraps fs.ErrNotExist.
func (d *Dir) checkChunks() error {
	path := filepath.Join(d.path, ChunksName)
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &noDirectoryError{path}
	}
	return nil
}

// noDirectoryError is ErrNotRegular for what has to be a directory.
type noDirectoryError struct{ path string }

func (e *noDirectoryError) Error() string {
	return e.path + " is a link or a file, and must be a directory"
}

func (e *noDirectoryError) Is(target error) bool { return target == ErrNotRegular }

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
	File   string // what has the name on the way, and is no directory; "" if there is none
	GitTop string // where it ended: the top of the git work tree; "" outside of one
}

func (e *NotFoundError) Error() string {
	if e.File != "" {
		return fmt.Sprintf("%s is a file, where a chunk directory must be: move it away, or name the chunk directory with --dir", e.File)
	}
	if e.GitTop == "" {
		return fmt.Sprintf("no %s in %s, which is not inside a git work tree: "+
			"run this inside the repository, or name the chunk directory with --dir", DirName, e.Start)
	}
	return fmt.Sprintf("no %s from %s up to the top of the git work tree %s: "+
		"`engram sync` makes one, `engram-sync pull` brings one from a server; or name the chunk directory with --dir", DirName, e.Start, e.GitTop)
}

// Discover finds the chunk directory for a working directory: the nearest
// .engram upwards, no further than the top of the git work tree. Outside of a
// work tree only start itself is looked at: a directory further up can belong
// to anybody, like one in /tmp. As git does, it goes by the real path of start.
//
// The nearest one decides: if it is engram's own data directory (dataDir, ""
// where that is not known, or one that looks like it), the error is a
// *DataDirError, and if it is a link out of the work tree, a *repofile.LinkError. If
// there is none, it is a *NotFoundError.
func Discover(start, dataDir string) (string, error) {
	dir, err := filepath.Abs(start)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return "", fmt.Errorf("cannot look for a chunk directory: %w", err)
	}
	top := git.Top(dir)
	file := ""
	for at := dir; ; at = filepath.Dir(at) {
		path := filepath.Join(at, DirName)
		if err := repofile.Within(cmp.Or(top, dir), path); isLink(err) {
			return "", err
		}
		switch info, err := os.Stat(path); {
		case err != nil:
		case !info.IsDir():
			file = cmp.Or(file, path)
		case isDataDir(path, dataDir):
			return "", &DataDirError{Path: path}
		default:
			return path, nil
		}
		if top == "" || at == top {
			return "", &NotFoundError{Start: dir, GitTop: top, File: file}
		}
	}
}

// isDataDir says whether path, which need not exist, is engram's data
// directory: the known one, or one with the files that only engram puts there.
func isDataDir(path, dataDir string) bool {
	if dataDir != "" && samePath(path, dataDir) {
		return true
	}
	// Beside chunks such a file was committed by mistake.
	return holds(path, databaseName, cloudName) && !holds(path, ManifestName, ChunksName)
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

package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/git"
	"github.com/engram-sync/engram-sync/internal/merge"
	"github.com/engram-sync/engram-sync/internal/sharing"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/syncer"
)

// Directory is a chunk directory as the syncer wants it.
type Directory struct {
	*chunkdir.Dir

	later   func(what string) // hears of a manifest of a later engram; may be nil
	environ []string          // for git
	// watch hears of a chunk that is about to be opened, and then gets it; may be nil.
	watch func(engram.ChunkID) func(*engram.Chunk)
}

func (w *Workspace) directory(dir *chunkdir.Dir) Directory {
	return Directory{Dir: dir, later: w.NoteLater, environ: w.Environ}
}

// Watched is the directory of which watch hears before a chunk is opened, and what it gives, if anything, gets the
// chunk before anybody has read of it.
func (d Directory) Watched(watch func(engram.ChunkID) func(*engram.Chunk)) Directory {
	d.watch = watch
	return d
}

// OpenChunk tells who watches.
func (d Directory) OpenChunk(id engram.ChunkID) (*engram.Chunk, error) {
	var watching func(*engram.Chunk)
	if d.watch != nil {
		watching = d.watch(id)
	}
	c, err := d.Dir.OpenChunk(id)
	if err == nil && watching != nil {
		watching(c)
	}
	return c, err
}

// ReadManifest says too if nobody here knows its version.
func (d Directory) ReadManifest(ctx context.Context) (*engram.Manifest, error) {
	m, err := d.Dir.ReadManifest(ctx)
	if err == nil && m.Generation() == 0 && d.later != nil {
		d.later(fmt.Sprintf("the manifest here has version %d", m.Version()))
	}
	return m, d.orRestorable(ctx, err)
}

// RecoverManifest is of one that is damaged.
func (d Directory) RecoverManifest(ctx context.Context) (merge.Recovery, error) {
	r, err := d.Dir.RecoverManifest(ctx)
	return r, d.orRestorable(ctx, err)
}

// RestorableError is of a manifest that cannot be read, while git has a good one.
type RestorableError struct {
	Err     error
	Command string // that brings it back
}

func (e *RestorableError) Error() string { return e.Err.Error() }

func (e *RestorableError) Unwrap() error { return e.Err }

// orRestorable asks git about a manifest that cannot be read.
func (d Directory) orRestorable(ctx context.Context, err error) error {
	if !errors.Is(err, engram.ErrDamaged) && !errors.Is(err, chunkdir.ErrNotRegular) {
		return err
	}
	const limit = 64 << 20 // as chunkdir bounds a manifest
	command := git.Checkout(ctx, d.Path(), d.environ, chunkdir.ManifestName, limit, func(text []byte) bool {
		_, err := engram.ParseManifest(text)
		return err == nil
	})
	if command == "" {
		return err
	}
	return &RestorableError{err, command + ShellWord(Shorter(filepath.Join(d.Path(), chunkdir.ManifestName)))}
}

// Shorter is a path, seen from the working directory if that is shorter.
func Shorter(path string) string {
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, path); err == nil && len(rel) < len(path) {
			return rel
		}
	}
	return path
}

func (d Directory) Chunks(ctx context.Context) ([]engram.ChunkID, []engram.Stray, error) {
	listing, err := d.Files(ctx)
	return listing.Chunks, listing.Strays, err
}

// noDirectory stands in for a chunk directory that does not exist yet. It is
// empty, and nothing is written to it.
type noDirectory struct{ syncer.Local }

func (noDirectory) ReadManifest(context.Context) (*engram.Manifest, error) {
	return engram.NewManifest(), nil
}

func (noDirectory) Chunks(context.Context) ([]engram.ChunkID, []engram.Stray, error) {
	return nil, nil, nil
}

// findDirectory gives the path of the chunk directory: --dir, or the nearest
// one around the working directory.
func (w *Workspace) findDirectory() (string, error) {
	if w.Config.Dir != "" {
		return w.Config.Dir, nil
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the chunk directory: %w", err)
	}
	return chunkdir.Discover(wd, w.DataDir())
}

func dirOptions(w *Workspace) chunkdir.Options {
	return chunkdir.Options{MaxChunkBytes: w.Config.MaxChunkBytes, StateDir: state.Dir(), DataDir: w.DataDir()}
}

// OpenDirectory opens the chunk directory, which must exist.
func (w *Workspace) OpenDirectory() (Directory, error) {
	path, err := w.findDirectory()
	if err != nil {
		return Directory{}, err
	}
	dir, err := chunkdir.Open(path, dirOptions(w))
	return w.directory(dir), err
}

// newDirectory is where pull makes a chunk directory if there is none: at
// --dir, or at the top of the git work tree.
func (w *Workspace) newDirectory() (string, error) {
	path, err := w.findDirectory()
	if missing, ok := errors.AsType[*chunkdir.NotFoundError](err); ok && missing.GitTop != "" {
		return filepath.Join(missing.GitTop, chunkdir.DirName), nil
	}
	return path, err
}

// OpenDirectoryAt opens the chunk directory that a path leads to, or that lies in there.
func (w *Workspace) OpenDirectoryAt(path string) (Directory, error) {
	if in := filepath.Join(path, chunkdir.DirName); isDir(in) {
		path = in
	}
	dir, err := chunkdir.Open(path, dirOptions(w))
	return w.directory(dir), err
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// Lock makes this run the only one that changes the directory.
func (w *Workspace) Lock(ctx context.Context, dir Directory, command string) (func(), error) {
	unlock, err := dir.Lock(ctx, w.Config.LockWait, command)
	if err != nil {
		return nil, err
	}
	return func() {
		if err := unlock(); err != nil {
			w.Log.Warn("unlock the chunk directory", "error", err)
		}
	}, nil
}

// OpenDirectoryIfAny opens the chunk directory; where there is none, it gives an
// empty stand-in and no path.
func (w *Workspace) OpenDirectoryIfAny() (syncer.Local, string, error) {
	path, err := w.findDirectory()
	if _, missing := errors.AsType[*chunkdir.NotFoundError](err); missing {
		return noDirectory{}, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	dir, err := chunkdir.Open(path, dirOptions(w))
	if errors.Is(err, fs.ErrNotExist) {
		return noDirectory{}, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	return w.directory(dir), dir.Path(), nil
}

// Place tells chunk directories apart, also where there is none yet: it is the path of the one that is there, or of the one
// that pull would make; "" outside of a git work tree.
func (w *Workspace) Place() (string, error) {
	_, path, err := w.OpenDirectoryIfAny()
	if err != nil || path != "" {
		return path, err
	}
	path, err = w.newDirectory()
	if _, missing := errors.AsType[*chunkdir.NotFoundError](err); missing {
		return "", nil
	}
	return path, err
}

// Claim is how a command takes the chunk directory that it will change.
type Claim struct {
	Command string // to tell others who holds the lock
	Create  bool   // make the directory if there is none
	DryRun  bool   // change nothing: take no lock, and make no directory
}

// Claim finds the chunk directory and locks it. release gives it back: a run leaves no
// directory that it made for nothing.
func (w *Workspace) Claim(ctx context.Context, c Claim) (dir syncer.Local, path string, release func(), err error) {
	release = func() {}
	find, open := w.findDirectory, chunkdir.Open
	if c.Create {
		find = w.newDirectory
	}
	if path, err = find(); err != nil {
		return nil, "", release, err
	}
	var made []string
	if c.Create && !c.DryRun {
		made, open = missing(path), chunkdir.Create
	}
	opened, err := open(path, dirOptions(w))
	if c.Create && c.DryRun && errors.Is(err, fs.ErrNotExist) {
		return noDirectory{}, path, release, nil
	}
	if err == nil && c.Create {
		err = vacant(opened)
	}
	if err != nil {
		return nil, "", release, err
	}
	if !c.DryRun {
		unlock, err := w.Lock(ctx, w.directory(opened), c.Command)
		if err != nil {
			return nil, "", release, err
		}
		release = func() {
			unlock()
			for _, path := range made {
				_ = sharing.Remove(path) // which it does only if nothing is in there
			}
		}
	}
	return w.directory(opened), path, release, nil
}

// missing are the directories that have to be made for a path, the innermost first.
func missing(path string) (paths []string) {
	for {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return paths
		}
		paths, path = append(paths, path), filepath.Dir(path)
	}
}

// vacant says what a directory is for, if it is not for chunks.
func vacant(dir *chunkdir.Dir) error {
	name, err := dir.Occupant()
	if name != "" {
		err = &chunkdir.PathError{Path: dir.Path(), Reason: fmt.Sprintf("it holds %.60q, and neither a manifest nor chunks: give --dir an empty directory, or one that is not there yet", name)}
	}
	return err
}

// ErrBlank says that a directory holds nothing, and what else would fill it.
func ErrBlank(path, fill string) error {
	return &chunkdir.PathError{Path: path, Reason: "it holds neither a manifest nor a chunk: name the right one with --dir, or " + fill}
}

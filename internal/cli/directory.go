package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/state"
	"github.com/engram-sync/engram-sync/internal/syncer"
)

// directory is a chunk directory as the syncer wants it.
type directory struct{ *chunkdir.Dir }

// Chunks lists the chunk files.
func (d directory) Chunks(ctx context.Context) ([]engram.ChunkID, []syncer.Stray, error) {
	listing, err := d.Files(ctx)
	if err != nil {
		return nil, nil, err
	}
	strays := make([]syncer.Stray, len(listing.Strays))
	for i, s := range listing.Strays {
		strays[i] = syncer.Stray{Name: s.Name, Reason: s.Reason}
	}
	return listing.Chunks, strays, nil
}

// noDirectory stands in for a chunk directory that does not exist yet. It is
// empty, and nothing is written to it.
type noDirectory struct{ syncer.Local }

func (noDirectory) ReadManifest(context.Context) (*engram.Manifest, error) {
	return engram.NewManifest(), nil
}

func (noDirectory) Chunks(context.Context) ([]engram.ChunkID, []syncer.Stray, error) {
	return nil, nil, nil
}

// findDirectory gives the path of the chunk directory: --dir, or the nearest
// one around the working directory.
func (a *app) findDirectory() (string, error) {
	if a.cfg.Dir != "" {
		return a.cfg.Dir, nil
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the chunk directory: %w", err)
	}
	return chunkdir.Discover(wd, a.dataDir())
}

// dataDir is engram's own data directory.
func (a *app) dataDir() string {
	if dir := a.getenv("ENGRAM_DATA_DIR"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, chunkdir.DirName)
}

func (a *app) dirOptions() chunkdir.Options {
	return chunkdir.Options{MaxChunkBytes: a.cfg.MaxChunkBytes, StateDir: state.Dir(), DataDir: a.dataDir()}
}

// openDirectory opens the chunk directory, which must exist.
func (a *app) openDirectory() (directory, error) {
	path, err := a.findDirectory()
	if err != nil {
		return directory{}, err
	}
	dir, err := chunkdir.Open(path, a.dirOptions())
	return directory{dir}, err
}

// newDirectory is where pull makes a chunk directory if there is none: at
// --dir, or at the top of the git work tree.
func (a *app) newDirectory() (string, error) {
	path, err := a.findDirectory()
	var missing *chunkdir.NotFoundError
	if errors.As(err, &missing) && missing.GitTop != "" {
		return filepath.Join(missing.GitTop, chunkdir.DirName), nil
	}
	return path, err
}

// lock makes this run the only one that changes the directory.
func (a *app) lock(ctx context.Context, dir directory, command string) (func(), error) {
	unlock, err := dir.Lock(ctx, a.cfg.LockWait, command)
	if err != nil {
		return nil, err
	}
	return func() {
		if err := unlock(); err != nil {
			a.log.Warn("unlock the chunk directory", "error", err)
		}
	}, nil
}

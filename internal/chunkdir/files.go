package chunkdir

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

// Listing is what the directory holds beside its manifest.
type Listing struct {
	// Chunks are the ids of the chunk files, sorted. Nothing says yet that
	// their content is good.
	Chunks []engram.ChunkID
	// Strays are the things in chunks/ that are no chunk files, sorted by name.
	Strays []engram.Stray
}

// Files lists the chunk files. It costs one reading of the directory, and does
// not touch the files. A missing chunks/ is an empty one.
func (d *Dir) Files(ctx context.Context) (Listing, error) {
	listing, err := d.list(ctx)
	if err != nil {
		return Listing{}, fmt.Errorf("cannot list the chunk files: %w", err)
	}
	slices.SortFunc(listing.Chunks, engram.ChunkID.Compare)
	slices.SortFunc(listing.Strays, func(a, b engram.Stray) int { return strings.Compare(a.Name, b.Name) })
	strays := listing.misspelt()
	d.misspelt.Store(&strays)
	return listing, nil
}

// openChunks opens chunks/; nil where there is none.
func (d *Dir) openChunks() (*os.File, error) {
	err := d.checkChunks()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return sharing.Open(filepath.Join(d.path, ChunksName))
}

func (d *Dir) list(ctx context.Context) (listing Listing, err error) {
	f, err := d.openChunks()
	if f == nil {
		return Listing{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for {
		// In parts, so that a huge directory can be interrupted.
		entries, err := f.ReadDir(1024)
		for _, entry := range entries {
			listing.add(entry)
		}
		if err == io.EOF {
			return listing, nil
		}
		if err := cmp.Or(err, ctx.Err()); err != nil {
			return Listing{}, err
		}
	}
}

// placeholders are what repositories keep in a directory for git's sake.
var placeholders = []string{".gitkeep", ".keep", ".gitignore", ".gitattributes"}

func (l *Listing) add(entry fs.DirEntry) {
	id, ok := chunkFileID(entry.Name())
	switch {
	case !ok && slices.Contains(placeholders, entry.Name()):
	case !ok:
		l.Strays = append(l.Strays, engram.Stray{Name: entry.Name(), Reason: strayReason(entry)})
	case !entry.Type().IsRegular():
		l.Strays = append(l.Strays, engram.Stray{Name: entry.Name(), Reason: ErrNotRegular.Error()})
	default:
		l.Chunks = append(l.Chunks, id)
	}
}

// chunkFileID is the id in the name of a chunk file.
func chunkFileID(name string) (engram.ChunkID, bool) {
	stem, ok := strings.CutSuffix(name, ChunkSuffix)
	if !ok {
		return engram.ChunkID{}, false
	}
	id, err := engram.ParseChunkID(stem)
	return id, err == nil
}

func strayReason(entry fs.DirEntry) string {
	switch name := entry.Name(); {
	case strings.HasPrefix(name, atomicfile.TempPrefix) && strings.HasSuffix(name, atomicfile.TempSuffix):
		return "left by an interrupted run, or being written"
	case strings.HasSuffix(name, ChunkSuffix):
		return "its name is not a chunk id"
	case entry.IsDir():
		return "a directory"
	default:
		return "not a chunk file"
	}
}

// HasChunk says whether there is a chunk file for id. Nothing says yet that its
// content is good.
func (d *Dir) HasChunk(id engram.ChunkID) (bool, error) {
	err := d.checkChunks()
	if err == nil {
		err = d.checkSpelling(id)
	}
	if err == nil {
		var info fs.FileInfo
		if info, err = os.Lstat(d.chunkPath(id)); err == nil {
			return info.Mode().IsRegular() && !id.IsZero(), nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return false, fmt.Errorf("cannot look for chunk %s: %w", id, err)
}

// Fingerprint is a text that is the same as long as the manifest and the names
// of the chunk files are, for caches of what was made of them. It parses
// nothing, so it is much cheaper than ReadManifest and Files, and never says
// that anything is good.
func (d *Dir) Fingerprint() (string, error) {
	text, err := d.manifestText()
	if err != nil {
		return "", fmt.Errorf("cannot read %s: %w", d.manifestPath(), err)
	}
	names, err := d.names()
	if err != nil {
		return "", fmt.Errorf("cannot list the chunk files: %w", err)
	}
	slices.Sort(names)
	sum := sha256.New()
	fmt.Fprintf(sum, "%d %s", len(text), text)
	for _, name := range names {
		// No name has a zero byte in it.
		sum.Write(append([]byte(name), 0))
	}
	return hex.EncodeToString(sum.Sum(nil)[:16]), nil
}

// names are those of all that is in chunks/.
func (d *Dir) names() (names []string, err error) {
	f, err := d.openChunks()
	if f == nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Readdirnames(-1)
}

package workspace

import (
	"errors"
	"path/filepath"

	"github.com/engram-sync/engram-sync/internal/chunkdir"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/terminal"
)

// PlaceOf is the file of a chunk in the checkout of a CI job, and the manifest where the id is none.
func (w *Workspace) PlaceOf(id string) terminal.Place {
	if !w.term.Annotates() {
		return terminal.Place{}
	}
	dir, err := w.findDirectory()
	if err != nil {
		return terminal.Place{}
	}
	name := "manifest.json"
	if chunk, err := engram.ParseChunkID(id); err == nil {
		name = chunkdir.ChunkName(chunk)
	}
	return terminal.Place{File: w.inCheckout(filepath.Join(dir, name))}
}

// PlaceOfError is the line of the manifest here that an error is about, if it is.
func (w *Workspace) PlaceOfError(err error) terminal.Place {
	file, ok := errors.AsType[*chunkdir.UnreadableError](err)
	if !ok {
		return terminal.Place{}
	}
	at := terminal.Place{File: w.inCheckout(file.Path)}
	if cause, ok := errors.AsType[*engram.ManifestError](err); ok {
		at.Line = cause.Line
	}
	return at
}

// inCheckout is the path of a file from the top of the checkout, which a runner names, and else is the
// working directory; "" if it lies elsewhere.
func (w *Workspace) inCheckout(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	for _, top := range []string{w.Getenv("GITHUB_WORKSPACE"), "."} {
		if top, err = filepath.Abs(top); err != nil {
			continue
		}
		if inside, err := filepath.Rel(top, path); err == nil && filepath.IsLocal(inside) {
			return filepath.ToSlash(inside)
		}
	}
	return ""
}

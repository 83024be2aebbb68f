package chunkdir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/merge"
)

// RecoverManifest is ReadManifest for a file that a merge may have spoiled:
// see merge.Recover. Nothing is written.
func (d *Dir) RecoverManifest(ctx context.Context) (merge.Recovery, error) {
	m, err := readManifest(ctx, d.manifestText)
	if err == nil {
		return merge.Recovery{Text: m.Bytes(), Manifest: m}, nil
	}
	var r merge.Recovery
	if errors.Is(err, engram.ErrDamaged) {
		var text []byte
		if text, err = d.manifestText(); err == nil {
			r, err = merge.Recover(text)
		}
	}
	if err != nil {
		return r, fmt.Errorf("cannot read %s: %w", d.manifestPath(), err)
	}
	return r, nil
}

// ReplaceManifest puts next in the place of a manifest whose text is still was,
// atomically; else it fails, and nothing is written. This is for mending and for
// removing entries, so next may name chunks that are not on disk. The caller
// holds the Lock. What a running engram writes in the very moment of the
// replacement is not seen; its chunk file stays, and is an orphan then.
func (d *Dir) ReplaceManifest(ctx context.Context, was []byte, next *engram.Manifest) error {
	err := context.Cause(ctx)
	if err == nil {
		err = d.replaceManifest(was, next.Bytes())
	}
	if err != nil {
		return fmt.Errorf("cannot update %s: %w", d.manifestPath(), err)
	}
	return nil
}

// replaceManifest writes next where was still stands, or gives errOvertaken.
func (d *Dir) replaceManifest(was, next []byte) (err error) {
	path := d.manifestPath()
	perm := fs.FileMode(filePerm)
	if info, err := os.Lstat(path); err == nil {
		perm = info.Mode().Perm() // somebody may have made it private
	}
	f, err := atomicfile.Create(path, perm)
	if err != nil {
		return err
	}
	// Does nothing after Commit.
	defer func() { err = errors.Join(err, f.Discard()) }()
	if _, err := f.Write(next); err != nil {
		return err
	}
	now, err := d.manifestText()
	if err == nil && now == nil {
		now = engram.NewManifest().Bytes() // which is what was is, then
	}
	if errors.Is(err, errChanging) || err == nil && !bytes.Equal(now, was) {
		return errOvertaken
	}
	if err != nil {
		return err
	}
	return f.Commit()
}

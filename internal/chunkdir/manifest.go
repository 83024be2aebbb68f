package chunkdir

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/engram-sync/engram-sync/internal/atomicfile"
	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/jsonscan"
	"github.com/engram-sync/engram-sync/internal/merge"
	"github.com/engram-sync/engram-sync/internal/repofile"
)

// maxManifestBytes bounds manifest.json. An entry takes about 200 bytes.
const maxManifestBytes = 64 << 20

// engram truncates the manifest before it writes it, so a reader can find it
// empty or half there, for less than a millisecond on an idle machine, and much
// longer on a busy disk. A torn manifest is read this often, first after tornWait,
// then each time after twice as long: 1.3 s in all.
const (
	tornReads = 8
	tornWait  = 10 * time.Millisecond
)

// UnreadableError says that the manifest on disk cannot be read: where it lies, and why.
type UnreadableError struct {
	Path string
	Err  error
}

func (e *UnreadableError) Error() string { return "cannot read " + e.Path + ": " + e.Err.Error() }
func (e *UnreadableError) Unwrap() error { return e.Err }

// ReadManifest reads manifest.json; a missing one is an empty manifest. A file
// that is bad is read again for up to 1.3 s, as long as it looks as if engram
// were writing it. Then the error names the file, and wraps the
// *engram.ManifestError that names the place.
func (d *Dir) ReadManifest(ctx context.Context) (*engram.Manifest, error) {
	m, err := readManifest(ctx, d.manifestText)
	if err != nil {
		return nil, &UnreadableError{d.manifestPath(), d.orMergeable(err)}
	}
	return m, nil
}

// MergeableError is of a manifest that cannot be read, and that RecoverManifest can.
type MergeableError struct{ Err error }

func (e *MergeableError) Error() string { return e.Err.Error() }

func (e *MergeableError) Unwrap() error { return e.Err }

// orMergeable says of the error of a manifest if a merge has spoiled that.
func (d *Dir) orMergeable(err error) error {
	if !errors.Is(err, engram.ErrDamaged) {
		return err
	}
	text, again := d.manifestText()
	if again != nil || text == nil {
		return err
	}
	if _, tangled := merge.Recover(text); tangled != nil {
		return err
	}
	return &MergeableError{err}
}

// errChanging is the error of a reading during which the file was written.
var errChanging = errors.New("another program is writing it")

// readManifest parses what read gives, nil for a missing file, until that is
// whole or stays bad.
func readManifest(ctx context.Context, read func() ([]byte, error)) (*engram.Manifest, error) {
	var last []byte
	for attempt := 1; ; attempt++ {
		text, err := read()
		if err == nil {
			if text == nil {
				return engram.NewManifest(), nil
			}
			var m *engram.Manifest
			if m, err = engram.ParseManifest(text); err == nil {
				return m, nil
			}
		}
		if attempt == tornReads || !mayPass(err, text, last) {
			return nil, err
		}
		last = text
		if err := cancellable.Sleep(ctx, tornWait<<(attempt-1)); err != nil {
			return nil, err
		}
	}
}

// mayPass says whether a bad reading looks like one of a file that is being
// written: it changes, is empty, or ends too early. last is the text of the
// reading before, if any.
func mayPass(err error, text, last []byte) bool {
	if errors.Is(err, errChanging) {
		return true
	}
	var syntax *jsonscan.SyntaxError
	torn := len(text) == 0 || errors.As(err, &syntax) && syntax.Offset == int64(len(text))
	return errors.Is(err, engram.ErrDamaged) && (torn || !bytes.Equal(text, last))
}

// manifestText is what manifest.json holds now, nil if there is none.
func (d *Dir) manifestText() (text []byte, err error) {
	f, err := d.openManifest()
	if f == nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return readText(f)
}

// openManifest opens manifest.json; nil where there is none.
func (d *Dir) openManifest() (*os.File, error) {
	f, _, err := repofile.Open(d.manifestPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return f, err
}

// readText reads a manifest from its start. It is never nil without an error.
func readText(f *os.File) ([]byte, error) {
	before, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if before.Size() > maxManifestBytes {
		return nil, fmt.Errorf("it is larger than %d bytes: %w", maxManifestBytes, engram.ErrDamaged)
	}
	// One byte more than it should hold, to see it grow.
	text := make([]byte, before.Size()+1)
	n, err := f.ReadAt(text, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	after, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if int64(n) != before.Size() || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		return nil, errChanging
	}
	return text[:n], nil
}

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
		return r, &UnreadableError{d.manifestPath(), err}
	}
	return r, nil
}

// RecoverUnmerged is RecoverManifest where git has not finished merging the file, with
// the sides of that: the common ancestor, ours and theirs.
func (d *Dir) RecoverUnmerged(sides [3][]byte) (merge.Recovery, error) {
	text, err := d.manifestText()
	if err != nil {
		return merge.Recovery{}, &UnreadableError{d.manifestPath(), err}
	}
	if text == nil {
		text = engram.NewManifest().Bytes()
	}
	r, err := merge.RecoverUnmerged(text, sides[0], sides[1], sides[2])
	if err != nil {
		return r, &UnreadableError{d.manifestPath(), err}
	}
	return r, nil
}

// ReplaceManifest puts next in the place of a manifest whose text is still was,
// atomically; else it fails, and nothing is written. This is for mending and for
// removing entries, so next may name chunks that are not on disk. The caller
// holds the Lock. What a running engram writes in the very moment of the
// replacement is not seen; its chunk file stays, and is an orphan then.
func (d *Dir) ReplaceManifest(ctx context.Context, was []byte, next *engram.Manifest) error {
	err := cmp.Or(context.Cause(ctx), d.syncChunks())
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

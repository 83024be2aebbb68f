package chunkdir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/jsonscan"
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

// ReadManifest reads manifest.json; a missing one is an empty manifest. A file
// that is bad is read again for up to 1.3 s, as long as it looks as if engram
// were writing it. Then the error names the file, and wraps the
// *engram.ManifestError that names the place.
func (d *Dir) ReadManifest(ctx context.Context) (*engram.Manifest, error) {
	m, err := readManifest(ctx, d.manifestText)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", d.manifestPath(), err)
	}
	return m, nil
}

// errChanging is the error of a reading during which the file was written.
var errChanging = errors.New("another program is writing it")

// readManifest parses what read gives, nil for a missing file, until that is
// whole or stays bad.
func readManifest(ctx context.Context, read func() ([]byte, error)) (*engram.Manifest, error) {
	var last []byte
	for attempt := 1; ; attempt++ {
		text, err := read()
		if err == nil && text == nil {
			return engram.NewManifest(), nil
		}
		var m *engram.Manifest
		if err == nil {
			m, err = engram.ParseManifest(text)
		}
		if err == nil {
			return m, nil
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

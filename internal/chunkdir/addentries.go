package chunkdir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"

	"github.com/engram-sync/engram-sync/internal/cancellable"
	"github.com/engram-sync/engram-sync/internal/engram"
)

// addAttempts bounds how often the manifest is read and written again because
// engram wrote it in between. One export of engram costs at most one attempt.
const addAttempts = 20

// AddEntries reads the manifest again, and replaces it by one that also has
// those of the entries whose ids it lacks, and at least the given version.
// Everything else keeps its bytes; where nothing is missing, nothing is
// written. An entry whose chunk file is not there is refused with an error that
// wraps fs.ErrNotExist, and so are all others with it: the manifest never names
// a chunk that is not on disk. A manifest that cannot be read is left alone.
//
// Between two engram-sync the Lock keeps the peace, which the caller holds.
// engram takes no lock, so this is what holds beside a running `engram sync`:
//
//   - What stood in the manifest when we last read it is never lost through us,
//     and that is right before the new file is synced and renamed.
//   - What engram writes between that and our rename ends in the file that we
//     replace. There it is found, right after the rename and once more a moment
//     later, and added. Lost is only what engram writes later than that into a
//     file that it opened before. Windows can't keep the file open, and where
//     there was no manifest there is no file: then the time from the last
//     reading to the rename, some milliseconds, is without such a net.
//   - engram may have read the manifest before our rename, and write what it
//     read plus its own entry after it. Then our entries are gone, and nobody
//     can prevent that. The chunk files stay; the next pull adopts them.
func (d *Dir) AddEntries(ctx context.Context, version int, entries []engram.ChunkEntry) error {
	if err := d.syncChunks(); err != nil {
		return err
	}
	adder := manifestAdder{dir: d, version: version, entries: entries}
	for range addAttempts {
		err := adder.attempt(ctx)
		if err == nil {
			return nil
		}
		if !errors.Is(err, errOvertaken) {
			return fmt.Errorf("cannot update %s: %w", d.manifestPath(), err)
		}
	}
	return fmt.Errorf("cannot update %s: %w", d.manifestPath(), errOvertaken)
}

// errOvertaken says that engram wrote the manifest in the middle of an attempt.
var errOvertaken = errors.New("engram keeps writing it")

// manifestAdder is one AddEntries on its way.
type manifestAdder struct {
	dir     *Dir
	version int
	entries []engram.ChunkEntry
	// What engram wrote into a file while we replaced it.
	late []engram.ChunkEntry
}

// attempt gives errOvertaken where engram was in the way.
func (a *manifestAdder) attempt(ctx context.Context) (err error) {
	read := a.dir.manifestText
	old, err := a.dir.holdManifest()
	if err != nil {
		return err
	}
	if old != nil {
		defer func() { err = errors.Join(err, old.Close()) }()
		read = func() ([]byte, error) { return readText(old) }
	}
	was, err := readManifest(ctx, read)
	if err != nil {
		return err
	}
	next, err := a.union(was)
	if err != nil || bytes.Equal(next.Bytes(), was.Bytes()) {
		return err
	}
	if err := a.dir.replaceManifest(was.Bytes(), next.Bytes()); err != nil || old == nil {
		return err
	}
	// The entries are in, so an interruption comes too late.
	return a.collect(context.WithoutCancel(ctx), next, read)
}

// renamesOverOpen says whether a file that we hold open can be replaced.
const renamesOverOpen = runtime.GOOS != "windows"

// holdManifest opens manifest.json, in order to see what is still written into
// it after it was replaced. It is nil where there is none, and on Windows.
func (d *Dir) holdManifest() (*os.File, error) {
	if !renamesOverOpen {
		return nil, nil
	}
	return d.openManifest()
}

// union is m with the entries that it lacks.
func (a *manifestAdder) union(m *engram.Manifest) (*engram.Manifest, error) {
	add := slices.Clone(a.late)
	for _, e := range a.entries {
		if m.Names(e.ID) || slices.ContainsFunc(a.late, func(l engram.ChunkEntry) bool { return l.ID == e.ID }) {
			continue
		}
		there, err := a.dir.HasChunk(e.ID)
		if err != nil {
			return nil, err
		}
		if !there {
			return nil, fmt.Errorf("there is no chunk file for entry %s: %w", e.ID, fs.ErrNotExist)
		}
		add = append(add, e)
	}
	return m.With(a.version, add...)
}

// collect finds entries that engram wrote into the file that next has
// replaced. It looks twice: opening and truncating are two steps, and on a busy
// disk the second one takes a while.
func (a *manifestAdder) collect(ctx context.Context, next *engram.Manifest, read func() ([]byte, error)) error {
	a.late = a.late[:0]
	for look := range 2 {
		if look > 0 {
			if err := cancellable.Sleep(ctx, tornWait); err != nil {
				return err
			}
		}
		replaced, err := readManifest(ctx, read)
		if errors.Is(err, engram.ErrDamaged) {
			// engram died in the middle of it. What we read before is in next.
			return nil
		}
		if err != nil {
			return err
		}
		for _, e := range replaced.Entries() {
			if _, ok := next.Entry(e.ID); !ok {
				a.late = append(a.late, e)
			}
		}
		if len(a.late) > 0 {
			return errOvertaken
		}
	}
	return nil
}

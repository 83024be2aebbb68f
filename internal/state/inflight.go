package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/engram-sync/engram-sync/internal/engram"
	"github.com/engram-sync/engram-sync/internal/panics"
	"github.com/engram-sync/engram-sync/internal/sharing"
)

const (
	// certainAfter is how long after its last sign of life a run's chunks can still
	// appear on the server: it may take 30 s for a request (account-server.md 5.1), and
	// neither signs nor clocks are more exact than the rest.
	certainAfter = 30*time.Second + 2*signEvery
	// signEvery is how often a run gives a sign of life.
	signEvery = 5 * time.Second
	// maxInFlight bounds the file, in bytes.
	maxInFlight = 16 << 20
)

// InFlight is the file that says which chunks of one directory a run is about to send
// to a remote, so that the run after one that was killed knows which to look for. Its
// time is the run's last sign of life. The caller holds the directory's lock, and
// ends what it has opened. Not safe for concurrent use.
type InFlight struct {
	root Root
	path string
	left []engram.ChunkID
	sign time.Time // of the run that left them

	file *os.File // nil before the first Note
	end  func()   // of the signs of life
}

// OpenInFlight reads what the last run left. What is older than certainAfter is
// forgotten: whether it arrived, a manifest that is read after this can tell.
func OpenInFlight(root Root, remote, chunkDir string) (*InFlight, error) {
	f := &InFlight{root: root, path: root.Path("in-flight", fileName(remote+"\x00"+chunkDir))}
	if err := f.read(); err != nil {
		return nil, fmt.Errorf("read which chunks the last run was sending: %w", err)
	}
	return f, nil
}

func (f *InFlight) read() error {
	file, err := sharing.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	info, err := file.Stat()
	if err != nil {
		return err
	}
	f.sign = info.ModTime()
	if _, rest := f.Left(); rest <= 0 {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(file, maxInFlight))
	for _, word := range strings.Fields(string(text)) {
		if id, err := engram.ParseChunkID(word); err == nil { // else a crash cut it off before its chunk was sent
			f.left = append(f.left, id)
		}
	}
	return err
}

// Left are the chunks that the last run was about to send, and how long it takes
// until those that the remote does not list are certainly absent. That is bounded,
// whatever clocks say.
func (f *InFlight) Left() (ids []engram.ChunkID, rest time.Duration) {
	return f.left, min(certainAfter, certainAfter-time.Since(f.sign))
}

// Note adds chunks that are about to be sent. They are on disk when it returns.
func (f *InFlight) Note(ids []engram.ChunkID) error {
	err := f.open()
	if err == nil {
		_, err = f.file.Write(listed(ids))
	}
	if err == nil {
		err = f.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("remember which chunks are being sent: %w", err)
	}
	return nil
}

// open opens the file to append to, and begins to give signs of life.
func (f *InFlight) open() (err error) {
	if f.file != nil {
		return nil
	}
	if err := f.root.write(f.path, listed(f.left)); err != nil {
		return err
	}
	if f.file, err = sharing.OpenFile(f.path, os.O_WRONLY|os.O_APPEND, 0); err != nil {
		return err
	}
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer panics.Guard()
		defer close(done)
		ticks := time.NewTicker(signEvery)
		defer ticks.Stop()
		for {
			select {
			case now := <-ticks.C:
				_ = os.Chtimes(f.path, now, now) // without signs the next run looks for a shorter time
			case <-ended:
				return
			}
		}
	}()
	f.end = func() { close(ended); <-done }
	return nil
}

// End forgets all chunks but these, of which nobody knows whether they arrived.
// Where that fails, the next run looks for more of them.
func (f *InFlight) End(doubtful []engram.ChunkID) {
	if f.file != nil {
		f.end()
		_ = f.file.Close() // Note has synced it
	}
	switch {
	case len(doubtful) > 0:
		_ = f.root.write(f.path, listed(doubtful))
	case f.file != nil || !f.sign.IsZero():
		_ = sharing.Remove(f.path)
	}
}

func listed(ids []engram.ChunkID) []byte {
	var text []byte
	for _, id := range ids {
		text = append(text, id.String()+"\n"...)
	}
	return text
}
